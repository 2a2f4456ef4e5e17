"""Who knows what a model may want to know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from acp_agent.base.ids import SessionId
from acp_agent.model.context import ContextItem


class ContextQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        text: what the user said.
        roots: the directories of the session, absolute and resolved.
        max_items: more than that are not given to the model.
        max_tokens: of all items of all providers together.
    """

    text: str
    session_id: SessionId
    roots: tuple[Path, ...]
    max_items: int = 10
    max_tokens: int = 4_000


class ContextProvider(Protocol):
    """Finds what fits a prompt. One that fails or is slow costs the user a notice, never the turn."""

    @property
    def name(self) -> str:
        """For events and notices."""
        ...

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """What fits."""
        ...

    async def on_turn_complete(self, query: ContextQuery, answer: str) -> None:
        """Take note of what the model said last in the turn that the query was for."""
        ...
