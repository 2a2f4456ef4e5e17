"""The frame of every turn: begun and ended in the journal, whatever happens in between."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from acp_agent.base.clock import Clock
from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import TurnId, random_id
from acp_agent.engine.journal import Journal
from acp_agent.engine.transcript import Transcript
from acp_agent.model import events
from acp_agent.model.session import StopReason

logger = logging.getLogger(__name__)

CLEANUP_TIME = 2.0
"""Seconds in which an ended turn must have recorded its end."""

CANCELLED = "The user cancelled this call before it was finished."


async def run_turn(
    turn_id: TurnId,
    work: Callable[[], Awaitable[StopReason]],
    *,
    opening: tuple[events.Event, ...],
    journal: Journal,
    transcript: Transcript,
    clock: Clock,
    scope: anyio.CancelScope,
) -> None:
    """Do one prompt's `work`; cancelling `scope` ends it as `cancelled`.

    `opening`, what the user gave, is recorded together with the turn's start. Ends with `TurnEnded` in the
    journal, whatever happens.
    """
    stop_reason: StopReason = "cancelled"
    fault: events.TurnFault | None = None
    await journal.record(events.TurnStarted(turn_id, clock()), *opening)
    try:
        with scope:
            await anyio.lowlevel.checkpoint_if_cancelled()
            stop_reason = await work()
    except ProviderError as exc:
        stop_reason, fault = "error", _describe(exc)
    except Exception:
        incident = random_id("incident")
        logger.exception("turn failed unexpectedly (%s)", incident)
        message = f"the turn failed with an internal error ({incident})"
        stop_reason = "error"
        fault = events.TurnFault(message, "internal", hint="the log on stderr has the details")
    finally:  # also when the whole session is being ended
        ended = events.TurnEnded(turn_id, stop_reason, clock(), fault)
        with anyio.move_on_after(CLEANUP_TIME, shield=True) as limit:
            await journal.record(*transcript.close_calls("cancelled", CANCELLED), ended)
        if limit.cancelled_caught:
            journal.announce(ended)


def _describe(exc: ProviderError) -> events.TurnFault:
    return events.TurnFault(str(exc), exc.fault, exc.provider, exc.status, exc.retry_after, exc.hint)
