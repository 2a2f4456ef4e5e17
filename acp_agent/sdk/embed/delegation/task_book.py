"""The tasks of a session's subagents as a program sees them, folded from its journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events
from acp_agent.model.subagent import SubagentState

TaskState: TypeAlias = Literal["running", "completed", "failed", "cancelled"]

MAX_PROGRESS = 100
"""Steps of one task that are remembered, the newest."""

_STATES: dict[SubagentState, TaskState] = {
    "running": "running",
    "waiting": "running",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "failed",
}


class SubagentTaskSnapshot(msgspec.Struct, frozen=True):
    """A task of a subagent as it is at one moment.

    Attributes:
        started_ms, updated_ms, finished_ms: milliseconds since 1970, UTC; in a resumed session when the run
            began that they are from.
        output: what the subagent said last; None while it works.
        success: whether it was completed; None while it works.
        progress: what it did, each with `tool`, `title` and `exit_code`.
    """

    task_id: str
    parent_session_id: str
    child_session_id: str
    agent: str
    description: str
    status: TaskState
    started_ms: int
    updated_ms: int
    finished_ms: int | None = None
    output: str | None = None
    success: bool | None = None
    progress: tuple[JsonObject, ...] = ()


class _Task:
    def __init__(self, snapshot: SubagentTaskSnapshot) -> None:
        self.snapshot = snapshot
        self.said = ""
        self.calls: dict[ToolCallId, tuple[str, str]] = {}  # name and title


class TaskBook:
    """All tasks of a session, the oldest first. Of those that ended only the newest `most_ended` are kept."""

    def __init__(self, session_id: SessionId, clock: Callable[[], datetime], most_ended: int | None) -> None:
        self._session_id = session_id
        self._clock = clock
        self._most_ended = most_ended
        self._tasks: dict[SessionId, _Task] = {}
        self._restored_at: datetime | None = None

    def restore(self, event: events.Event) -> None:
        """An event of the journal from before."""
        if isinstance(event, events.TurnStarted | events.TurnEnded):
            self._restored_at = event.at
        self._take(event, self._restored_at)

    def take(self, event: events.Event) -> None:
        """An event of the journal, told now."""
        self._take(event, None)

    def get(self, task_id: str) -> SubagentTaskSnapshot | None:
        """The task of this id."""
        task = self._tasks.get(SessionId(task_id))
        return None if task is None else task.snapshot

    def snapshots(self) -> list[SubagentTaskSnapshot]:
        """All tasks as they are now."""
        return [task.snapshot for task in self._tasks.values()]

    def _take(self, event: events.Event, at: datetime | None) -> None:
        match event:
            case events.SubagentStarted(agent_id, _, agent, title):
                now = self._now(at)
                self._tasks[agent_id] = _Task(
                    SubagentTaskSnapshot(
                        agent_id, self._session_id, agent_id, agent, title, "running", now, now
                    )
                )
            case events.SubagentSaid(agent_id, said) if agent_id in self._tasks:
                self._said(self._tasks[agent_id], said, self._now(at))
            case events.SubagentChanged(agent_id, state) if agent_id in self._tasks:
                self._changed(self._tasks[agent_id], _STATES[state], self._now(at))
            case _:
                pass

    def _said(self, task: _Task, said: events.Event, now: int) -> None:
        progress = task.snapshot.progress
        match said:
            case events.TextChunk(_, text):
                task.said += text
            case events.CallShown(call_id, patch):
                task.said = ""  # what was said before a call is not the answer
                name, title = task.calls.get(call_id, ("", ""))
                name, title = str(patch.name or name), str(patch.title or title)
                task.calls[call_id] = (name, title)
                if patch.status in ("completed", "failed"):
                    step: JsonObject = {
                        "tool": name,
                        "title": title,
                        "exit_code": int(patch.status == "failed"),
                    }
                    progress = (*progress, step)[-MAX_PROGRESS:]
            case _:
                pass
        task.snapshot = msgspec.structs.replace(task.snapshot, updated_ms=now, progress=progress)

    def _changed(self, task: _Task, state: TaskState, now: int) -> None:
        task.snapshot = msgspec.structs.replace(task.snapshot, status=state, updated_ms=now)
        if state == "running":
            return
        task.snapshot = msgspec.structs.replace(
            task.snapshot, finished_ms=now, output=task.said, success=state == "completed"
        )
        ended = [one for one, known in self._tasks.items() if known.snapshot.status != "running"]
        if self._most_ended is not None:
            for oldest in ended[: max(0, len(ended) - self._most_ended)]:
                del self._tasks[oldest]

    def _now(self, at: datetime | None) -> int:
        return round((at or self._clock()).timestamp() * 1000)
