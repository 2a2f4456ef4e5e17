"""What a session is given from outside: those who watch over its work, and what helps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.engine.aids.aids import Equip
from acp_agent.engine.session import Session
from acp_agent.model import events

if TYPE_CHECKING:
    from acp_agent.engine.watch import Watch


def oversee(session: Session, watch: Watch | None) -> None:
    """Let those who are to watch over the session do so; None is nobody."""
    if session.oversight is None and watch is None:
        return
    from acp_agent.engine.oversight import Oversight  # lazy: most sessions are watched by nobody
    from acp_agent.engine.watch import Watch  # lazy: as above

    if session.oversight is None:
        session.oversight = Oversight(session, watch or Watch())
    else:
        session.oversight.use(watch or Watch())


def equip(session: Session, make: Equip | None) -> None:
    """Give a session that is about to live its aids; None are none."""
    if make is None:
        return
    session.aids = make(lambda news: session.journal.announce(events.AidTold(news)))
    if session.aids.memory is not None:
        from acp_agent.engine.commands.memories import MEMORY  # lazy: most sessions remember nothing

        session.offering.own = (*session.offering.own, MEMORY)
