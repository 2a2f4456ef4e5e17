"""The runs of a blocking session. `SessionRuns` says more of each method."""

from __future__ import annotations

from acp_agent.sdk.embed.blocking.base import BlockingBase
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.runs.records import ActiveTool, LoopCheckpoint, RunEventRecord, RunSnapshot


class BlockingRuns(BlockingBase):
    """Looks at the runs of a session and cancels them."""

    def runs(self) -> list[RunSnapshot]:
        """Its runs, the oldest first."""
        return self._look(self._inner.runs)

    def run_snapshot(self, run_id: str) -> RunSnapshot | None:
        """The run as it is now; None for an unknown one."""
        return self._look(self._inner.run_snapshot, run_id)

    def run_events(self, run_id: str) -> list[AgentEvent]:
        """What has happened in the run so far."""
        return self._look(self._inner.run_events, run_id)

    def run_event_page(self, run_id: str, start: int = 0, limit: int | None = None) -> list[RunEventRecord]:
        """The same with number and time: from number `start` on, at most `limit` of them."""
        return self._look(self._inner.run_event_page, run_id, start, limit)

    def loop_checkpoint(self, run_id: str) -> LoopCheckpoint | None:
        """How far a run had come that was interrupted; None unless `resume_run` can go on with it."""
        return self._look(self._inner.loop_checkpoint, run_id)

    def current_run(self) -> RunSnapshot | None:
        """The run that goes on, else the last one, else None."""
        return self._look(self._inner.current_run)

    def active_tools(self) -> list[ActiveTool]:
        """The calls that are being carried out now, the first begun first."""
        return self._look(self._inner.active_tools)

    def cancel(self) -> bool:
        """Cancel the run that goes on; False if none does."""
        return self._look(self._inner.cancel)

    def cancel_run(self, run_id: str) -> bool:
        """Cancel this run; False if it does not go on."""
        return self._look(self._inner.cancel_run, run_id)
