"""Tasks in the background as a session's journal tells of them: how far they came, whose end was told."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from acp_agent.base.ids import MessageId, SessionId, ToolCallId
from acp_agent.model import events
from acp_agent.model.content import Shown, Text, shown_text
from acp_agent.model.subagent import SubagentState, Task, TaskReport
from acp_agent.model.toolcall import ToolCallPatch

MAX_REPORTS = 50
"""Tasks that are remembered, those at work not counted."""

CUT_OFF = (
    "The task was at work when its session broke off or was copied; nothing more is heard of it. What it had "
    "done by then is done."
)
"""What is said of a task that nobody works on any more, though it never ended."""

_ENDS: tuple[SubagentState, ...] = ("completed", "failed", "cancelled", "interrupted")


class _Given(msgspec.Struct):
    """A task of the model; `begun` and `told` are how many messages of the user there were by then."""

    task: Task
    begun: int
    report: TaskReport | None = None
    told: int | None = None


class BackgroundTasks(msgspec.Struct):
    """A running fold over calls of `task` that asked for the background, and what was shown in them since.

    What the model knows of them goes back with the history: an end that was told after a message that is
    rewound is told again, and a task that was begun after it is none of the model's any more.
    """

    _tasks: dict[ToolCallId, _Given] = {}
    _said: list[MessageId] = []

    def apply(self, event: events.Event) -> None:
        """Take one event in."""
        match event:
            case events.UserSaid(message_id):
                self._said.append(message_id)
            case events.CallRequested(call_id, "task", arguments) if arguments.get("background") is True:
                agent, title, prompt = (str(arguments.get(key)) for key in ("agent", "description", "prompt"))
                self._tasks[call_id] = _Given(Task(agent, title, prompt), len(self._said))
            case events.CallShown(call_id, patch) if call_id in self._tasks:
                self._shown(self._tasks[call_id], patch)
            case events.NoteAdded(tasks=tasks) if tasks:
                for given in self._tasks.values():
                    if given.report is not None and given.report.id in tasks:
                        given.told = len(self._said)
            case events.Rewound(message_id) if message_id in self._said:
                self._rewind(self._said.index(message_id))
            case events.HistoryCleared():
                self._said.clear()
                for given in self._tasks.values():
                    given.begun, given.told = 0, None if given.told is None else 0
            case _:
                pass

    def reports(self) -> tuple[TaskReport, ...]:
        """How far each is, the oldest first."""
        return tuple(given.report for given in self._tasks.values() if given.report is not None)

    def untold(self) -> tuple[TaskReport, ...]:
        """Those that ended without the model having been told."""
        unheard = (given.report for given in self._tasks.values() if given.told is None)
        return tuple(report for report in unheard if report is not None and report.state in _ENDS)

    def cut_off(self) -> Iterable[events.CallShown]:
        """What ends those still at work, if nobody works on them any more."""
        for call_id, given in self._tasks.items():
            if given.report is not None and given.report.state not in _ENDS:
                ended = msgspec.structs.replace(given.report, state="interrupted", answer=CUT_OFF)
                yield shown_ending(call_id, ended)

    def _shown(self, given: _Given, patch: ToolCallPatch) -> None:
        match patch.raw_output:
            case {"task_id": str(task_id), "state": "running"} if given.report is None:
                self._forget_old()
                given.report = TaskReport(SessionId(task_id), given.task, "running")
            case {"state": state} if state in _ENDS and given.report is not None:
                given.report = msgspec.structs.replace(given.report, state=state, answer=_text(patch))
            case _:
                pass

    def _forget_old(self) -> None:
        ended = [
            call_id for call_id, given in self._tasks.items() if given.report and given.report.state in _ENDS
        ]
        for call_id in ended[: max(0, len(ended) - MAX_REPORTS + 1)]:
            del self._tasks[call_id]

    def _rewind(self, n_said: int) -> None:
        del self._said[n_said:]
        self._tasks = {call_id: given for call_id, given in self._tasks.items() if given.begun <= n_said}
        for given in self._tasks.values():
            if given.told is not None and given.told > n_said:
                given.told = None


def shown_ending(call_id: ToolCallId, report: TaskReport, *, ends_call: bool = False) -> events.CallShown:
    """What the task came to, for the user; it ends the call unless that has ended before."""
    patch = ToolCallPatch(
        content=(shown_text(report.answer),), raw_output={"task_id": report.id, "state": report.state}
    )
    if ends_call:
        status = "completed" if report.state == "completed" else "failed"
        patch = msgspec.structs.replace(patch, status=status)
    return events.CallShown(call_id, patch)


def _text(patch: ToolCallPatch) -> str:
    shown = patch.content or ()
    return "".join(
        one.content.text for one in shown if isinstance(one, Shown) and isinstance(one.content, Text)
    )
