"""The frame of every turn: begun and ended in the journal, whatever happens in between."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from acp_agent.base.clock import Clock
from acp_agent.base.errors import FOREIGN_FAILURES, ProviderError
from acp_agent.base.ids import TurnId, random_id
from acp_agent.engine.context.transcript import UNANSWERED, Transcript
from acp_agent.engine.journal import Journal
from acp_agent.engine.state import SessionState
from acp_agent.engine.turns.plan import at_end
from acp_agent.model import events
from acp_agent.model.session import StopReason
from acp_agent.model.toolcall import PlanEntry

logger = logging.getLogger(__name__)

CLEANUP_TIME = 2.0
"""Seconds in which an ended turn must have recorded its end."""

COMPACTION_INTERRUPTED = "the agent ended before the summary was written"

CANCELLED = "The user cancelled this call before it was finished."


async def run_turn(
    turn_id: TurnId,
    work: Callable[[], Awaitable[StopReason]],
    *,
    opening: tuple[events.Event, ...],
    journal: Journal,
    transcript: Transcript,
    plan: Callable[[], tuple[PlanEntry, ...]],
    clock: Clock,
    scope: anyio.CancelScope,
    close: Callable[[], tuple[events.UserSaid, ...]],
) -> None:
    """Do one prompt's `work`; cancelling `scope` ends it as `cancelled`.

    `opening`, what the user gave, is recorded together with the turn's start. Calls that are open and entries
    of the `plan` that are in progress are closed with it; `close` returns what the user said into the turn
    that was not taken up. Ends with `TurnEnded` in the journal, whatever happens.
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
    except FOREIGN_FAILURES:
        incident = random_id("incident")
        logger.exception("turn failed unexpectedly (%s)", incident)
        message = f"the turn failed with an internal error ({incident})"
        stop_reason = "error"
        fault = events.TurnFault(message, "internal", hint="the log on stderr has the details")
    finally:  # also when the whole session is being ended
        ended = events.TurnEnded(turn_id, stop_reason, clock(), fault)
        with anyio.move_on_after(CLEANUP_TIME, shield=True) as limit:
            calls = transcript.close_calls("cancelled", CANCELLED)
            await journal.record(*calls, *at_end(plan()), *close(), ended)
        if limit.cancelled_caught:
            journal.announce(ended)


def interrupted(state: SessionState, transcript: Transcript, clock: Clock) -> tuple[events.Event, ...]:
    """The events that end what a crash cut off; none if the session ended in order."""
    ending: list[events.Event] = []
    if state.open_compaction is not None:
        ending.append(events.CompactionEnded(state.open_compaction, "failed", error=COMPACTION_INTERRUPTED))
    ending += [events.SubagentChanged(agent_id, "interrupted") for agent_id in state.open_subagents]
    ending += state.background.cut_off()
    if state.open_turn is not None:
        ending += transcript.close_calls("failed", UNANSWERED)
        ending += at_end(state.plan)
        ending.append(events.TurnEnded(state.open_turn, "interrupted", clock()))
    return tuple(ending)


def _describe(exc: ProviderError) -> events.TurnFault:
    return events.TurnFault(str(exc), exc.fault, exc.provider, exc.status, exc.retry_after, exc.hint)
