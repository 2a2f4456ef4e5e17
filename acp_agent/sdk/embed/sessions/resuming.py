"""Going on with a run that the end of its process cut off."""

from __future__ import annotations

import logging

import anyio

from acp_agent.base.errors import StoreError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.runs.records import LoopCheckpoint
from acp_agent.sdk.embed.runs.session_runs import Run
from acp_agent.sdk.embed.sessions.base import SessionBase

logger = logging.getLogger(__name__)

SAVE_TIME = 30.0
"""Seconds that saving in the middle of a run may take."""

GO_ON = (
    "You were interrupted in the middle of this by the end of the program. Go on where you stopped. "
    "Where you cannot know whether a call took effect, look before you repeat it."
)
"""What the model is told first in a run that goes on with another one."""


class SessionResuming(SessionBase):
    """Knows how far interrupted runs had come, and sees to it that there is something to go on with."""

    def loop_checkpoint(self, run_id: str) -> LoopCheckpoint | None:
        """How far a run had come that was interrupted; None unless `resume_run` can go on with it."""
        run = self._host.book.get(run_id)
        if run is None or run is not self._host.book.latest():
            return None
        snapshot = run.snapshot()
        if snapshot.status != "interrupted":
            return None
        return LoopCheckpoint(
            run.id,
            self._session.id,
            sum(isinstance(event, events.StepEnded) for event in run.journal),
            tuple(self._host.history()),
            snapshot.usage,
            snapshot.tool_calls_count,
            snapshot.updated_at_ms,
        )

    async def _keep_checkpoints(self, run: Run) -> None:
        """Save the session after each round of calls, until cancelled; the next one waits for that."""
        while True:
            await run.round_done.wait()
            run.round_done, pending = anyio.Event(), run.checkpoint
            # half a save would be worse than one that is late
            with anyio.move_on_after(SAVE_TIME, shield=True) as limit:
                await self._save_quietly(run)
            if limit.cancelled_caught:
                logger.warning("session %s could not be saved within %g s", self._session.id, SAVE_TIME)
            if pending is not None:
                pending.set()

    async def _save_quietly(self, run: Run) -> None:
        try:
            await self._opened.save()
        except Exception as exc:  # whatever it is, the run's result is not lost for it
            expected = isinstance(exc, StoreError)
            logger.warning("session %s could not be saved: %s", self._session.id, exc, exc_info=not expected)
            data: JsonObject = {"operation": "save"}
            run.tell(AgentEvent("persistence_failed", session_id=self._session.id, error=str(exc), data=data))
