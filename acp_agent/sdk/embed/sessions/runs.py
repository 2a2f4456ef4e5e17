"""The runs of a session: what became of each, and what is happening now."""

from __future__ import annotations

from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.runs.records import ActiveTool, RunEventRecord, RunSnapshot
from acp_agent.sdk.embed.sessions.base import SessionBase


class SessionRuns(SessionBase):
    """Looks at the runs of a session and cancels them."""

    def runs(self) -> list[RunSnapshot]:
        """Its runs, the oldest first, those from before it was resumed too."""
        return self._host.book.snapshots()

    def run_snapshot(self, run_id: str) -> RunSnapshot | None:
        """The run as it is now; None for an unknown one."""
        run = self._host.book.get(run_id)
        return None if run is None else run.snapshot()

    def run_events(self, run_id: str) -> list[AgentEvent]:
        """What has happened in the run so far; nothing for an unknown one."""
        return [record.event for record in self.run_event_page(run_id)]

    def run_event_page(self, run_id: str, start: int = 0, limit: int | None = None) -> list[RunEventRecord]:
        """The same with number and time: from number `start` on, at most `limit` of them."""
        run = self._host.book.get(run_id)
        found = [] if run is None else [record for record in run.records if record.sequence >= start]
        return found if limit is None else found[: max(limit, 0)]

    def current_run(self) -> RunSnapshot | None:
        """The run that goes on, else the last one, else None; look at its status."""
        run = self._host.book.latest()
        return None if run is None else run.snapshot()

    def active_tools(self) -> list[ActiveTool]:
        """The calls that are being carried out now, the first begun first."""
        current = self._host.book.current
        return [] if current is None else list(current.active.values())

    def cancel(self) -> bool:
        """Cancel the run that goes on; False if none does."""
        if self._host.book.current is None:
            return False
        self._host.broker.refuse_all("the run was cancelled")
        for session in self._opened.live():
            session.cancel()
        return True

    def cancel_run(self, run_id: str) -> bool:
        """Cancel this run; False if it does not go on."""
        current = self._host.book.current
        return current is not None and current.id == run_id and self.cancel()
