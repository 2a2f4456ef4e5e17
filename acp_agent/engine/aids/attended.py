"""Where a turn meets the aids of its session: the seam, while `attending.py` does the work.

This module is loaded with every session and costs one look while there are no aids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from acp_agent.engine.aids.aids import NO_AIDS
from acp_agent.engine.conversation import Conversation
from acp_agent.model import events
from acp_agent.model.session import StopReason

Work: TypeAlias = Callable[[], Awaitable[StopReason]]
"""What is to be done in a turn."""


def attended(conversation: Conversation, opening: tuple[events.Event, ...], work: Work) -> Work:
    """The work of a turn that begins so, with what the aids of the session can do for it."""
    aids = conversation.aids
    if aids is NO_AIDS:
        return work
    said = next((event for event in opening if isinstance(event, events.UserSaid)), None)
    if said is None:
        return work
    from acp_agent.engine.aids.attending import AidedTurn  # lazy: most sessions have no aids

    turn = AidedTurn(
        said,
        aids,
        session_id=conversation.id,
        journal=conversation.journal,
        transcript=conversation.transcript,
        workspace=conversation.workspace,
        rules=conversation.rules,
    )
    return lambda: turn.answer(work)
