"""The option about context: what a provider of the program has to be."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol, TypeAlias

from acp_agent.model.context import ContextItem as ContextItem
from acp_agent.ports import ContextQuery as ContextQuery

ContextLike: TypeAlias = ContextItem | Mapping[str, object] | str
"""An item, its fields, or nothing but its text."""


class ContextProvider(Protocol):
    """Finds what fits a prompt. May be a coroutine; if it is plain it is called in a thread.

    It may have a `name`, and a method `on_turn_complete(query, answer)`.
    """

    def query(
        self, query: ContextQuery, /
    ) -> Sequence[ContextLike] | Awaitable[Sequence[ContextLike] | None] | None:
        """What fits."""
        ...
