"""What is told of subagents that ended: to the model in words, to the user in the call that started them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.attachments.quoting import one_line
from acp_agent.engine.subagents.background import shown_ending
from acp_agent.engine.turns.answering import AnswerContext
from acp_agent.model import events
from acp_agent.model.subagent import Task, TaskReport
from acp_agent.model.toolcall import ToolCallPatch

CANCELLED = "The task was cancelled."

SHOW_TIME = 2.0
"""Seconds in which the end of a task must have been recorded."""

MAX_ANSWER = 8_000
"""Characters of an answer that the model is told unasked."""


def endings(reports: Sequence[TaskReport]) -> events.NoteAdded:
    """That these tasks in the background have ended, for the model."""
    text = "\n\n".join(
        f"[The task {report.id} in the background, {report.task.agent}: {one_line(report.task.title)}, "
        f"is {report.state}. This is not the user's. It says:]\n{cut(report.answer, report.id)}"
        for report in reports
    )
    return events.NoteAdded(None, text, tasks=tuple(report.id for report in reports))


def cut(answer: str, task_id: str = "") -> str:
    """As much of an answer as is told unasked."""
    if len(answer) <= MAX_ANSWER:
        return answer
    rest = f"; ask for the rest with `task_status` and the id {task_id}" if task_id else ""
    return f"{answer[:MAX_ANSWER]}\n(cut; {len(answer) - MAX_ANSWER} more characters{rest})"


async def show_task(
    task: Task, session: AnswerContext, work: Callable[[ToolCallId], Awaitable[TaskReport]]
) -> TaskReport:
    """Let a task that no model gave be worked on, and show it to the user as a call of its own."""
    call_id = ToolCallId(session.new_id("call"))
    report = TaskReport(SessionId(""), task, "cancelled", CANCELLED)
    await session.journal.record(_shown_beginning(call_id, task))
    try:
        report = await work(call_id)
    finally:
        with anyio.move_on_after(SHOW_TIME, shield=True):
            await session.journal.record(shown_ending(call_id, report, ends_call=True))
    return report


def _shown_beginning(call_id: ToolCallId, task: Task) -> events.CallShown:
    given: JsonObject = {"agent": task.agent, "description": task.title, "prompt": task.prompt}
    return events.CallShown(
        call_id,
        ToolCallPatch(
            name="task",
            title=f"{task.agent}: {one_line(task.title)}",
            kind="think",
            status="in_progress",
            raw_input=given,
        ),
    )
