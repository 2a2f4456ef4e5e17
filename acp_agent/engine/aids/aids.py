"""The aids of one session. Most sessions have none, and pay nothing for that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from acp_agent.engine.journal import Journal
from acp_agent.model import events
from acp_agent.model.context import AidNews
from acp_agent.model.session import StopReason
from acp_agent.ports import ContextProvider, SecurityProvider, Tool

if TYPE_CHECKING:
    from acp_agent.engine.memory.tiers import Memory
    from acp_agent.engine.session import Session

Work: TypeAlias = Callable[[], Awaitable[StopReason]]
"""What is to be done in a turn."""


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


def equip(session: Session, make: Equip | None) -> None:
    """Give a session that is about to live its aids; None are none."""
    if make is None:
        return
    session.aids = make(lambda news: session.journal.announce(events.AidTold(news)))
    if session.aids.memory is not None:
        from acp_agent.engine.commands.memories import MEMORY  # lazy: most sessions remember nothing

        session.offering.own = (*session.offering.own, MEMORY)


def attended(session: Session, opening: tuple[events.Event, ...], work: Work) -> Work:
    """The work of a turn that begins so, with what the session's aids can do for it."""
    aids = session.aids
    if aids is NO_AIDS:
        return work
    said = next((event for event in opening if isinstance(event, events.UserSaid)), None)
    if said is None:
        return work
    from acp_agent.engine.aids.attending import AidedTurn  # lazy: most sessions have no aids

    turn = AidedTurn(
        said,
        aids,
        session_id=session.id,
        journal=session.journal,
        transcript=session.transcript,
        workspace=session.workspace,
    )
    return lambda: turn.answer(work)
