"""The aids of one session. Most sessions have none, and pay nothing for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from acp_agent.engine.journal import Journal
from acp_agent.model.context import AidNews
from acp_agent.ports import ContextProvider, SecurityProvider, Tool

if TYPE_CHECKING:
    from acp_agent.engine.memory.tiers import Memory


class Aids(msgspec.Struct, frozen=True):
    """What helps one session; None and nothing for what does not."""

    memory: Memory | None = None
    providers: tuple[ContextProvider, ...] = ()
    security: SecurityProvider | None = None

    def watched(self, tools: Mapping[str, Tool], journal: Journal) -> Mapping[str, Tool]:
        """The tools as the session may use them."""
        if self.security is None:
            return tools
        from acp_agent.engine.security.screening import (
            screened,
        )  # lazy: few sessions are watched over

        return screened(tools, self.security, journal.record)

    def close(self) -> None:
        """End what has an end."""
        if self.security is not None:
            self.security.wipe()
            self.security.teardown()


NO_AIDS = Aids()

Equip: TypeAlias = Callable[[Callable[[AidNews], None]], Aids]
"""Makes the aids of one session; it is given where they tell what they do."""
