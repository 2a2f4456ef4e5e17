"""The tools `task`, `task_status` and `task_cancel`: work for subagents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import shown_text
from acp_agent.model.permission import Access
from acp_agent.model.subagent import AgentKind, Task, TaskReport
from acp_agent.model.toolcall import ToolOutcome, ToolSpec, failed, succeeded
from acp_agent.ports import Delegation, Preview, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.plaintext import one_line

if TYPE_CHECKING:
    from acp_agent import ports

MAX_ANSWER = 50_000
"""Characters of a subagent's answer that the model reads."""


def task_tools(kinds: tuple[AgentKind, ...]) -> tuple[ports.Tool, ...]:
    """The tools to delegate to subagents of these kinds."""
    return (TaskTool(kinds), TaskStatusTool(), TaskCancelTool())


class TaskArgs(msgspec.Struct, frozen=True):
    """Arguments of `task`."""

    agent: Annotated[str, msgspec.Meta(min_length=1, description="Which subagent does it.")]
    description: Annotated[
        str, msgspec.Meta(min_length=1, description="The task in a few words, for the user.")
    ]
    prompt: Annotated[
        str,
        msgspec.Meta(min_length=1, description="All that the subagent is told; it knows nothing else."),
    ]
    background: Annotated[
        bool, msgspec.Meta(description="Do not wait for the answer; ask for it with `task_status` later.")
    ] = False


class TaskId(msgspec.Struct, frozen=True):
    """Argument of `task_cancel`."""

    id: Annotated[str, msgspec.Meta(min_length=1, description="Id of the task, as `task` told it.")]


class MaybeTaskId(msgspec.Struct, frozen=True):
    """Argument of `task_status`."""

    id: Annotated[str, msgspec.Meta(description="Id of the task; left out for a list of all.")] = ""


class TaskTool:
    """Gives a task to a subagent and, unless it is to work in the background, waits for the answer."""

    def __init__(self, kinds: tuple[AgentKind, ...]) -> None:
        listed = "\n".join(f"- {kind.name}: {kind.description}" for kind in kinds if not kind.hidden)
        schema = input_schema(TaskArgs)
        self.spec = ToolSpec(
            "task",
            "Give a task to a subagent that works on its own, with a context of its own, and get its answer. "
            "Good for searches that read much, and for parts of the work that do not depend on each other: "
            f"call it several times in one step and they run at the same time. The subagents:\n{listed}",
            schema,
            kind="think",
            side_by_side=True,
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Say who would do what."""
        wanted = parse_args(TaskArgs, args)
        _delegation(context)
        title = one_line(f"{wanted.agent}: {wanted.description}")
        return Preview(title, "think", Access("none", f"task {wanted.agent}"))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Have it done."""
        wanted = parse_args(TaskArgs, args)
        task = Task(wanted.agent, wanted.description, wanted.prompt)
        delegation = _delegation(context)
        if wanted.background:
            report = delegation.start(task, context.call_id)
            return succeeded(
                f"The task runs in the background; its id is {report.id}. Go on with something else.",
                display=(shown_text("Works in the background."),),
                raw_output={"task_id": report.id, "state": report.state},
            )
        report = await delegation.run(task, context.call_id)
        conclude = succeeded if report.state == "completed" else failed
        answer = _cut(report.answer)
        return conclude(
            answer,
            display=(shown_text(answer),),
            raw_output={"task_id": report.id, "state": report.state},
        )


class TaskStatusTool:
    """Tells how far tasks in the background are."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "task_status",
            "How far a task in the background is, with its answer once there is one.",
            input_schema(MaybeTaskId),
            kind="think",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Check the arguments."""
        wanted = parse_args(MaybeTaskId, args)
        title = f"Look after task `{one_line(wanted.id)}`" if wanted.id else "Look after tasks"
        return Preview(title, "think", Access("none", "task_status"))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Tell it."""
        wanted = parse_args(MaybeTaskId, args).id
        reports = _delegation(context).reports()
        if not wanted:
            return succeeded("\n".join(map(_line, reports)) or "(no task was started in the background)")
        for report in reports:
            if report.id == wanted:
                return succeeded(f"{_line(report)}\n\n{_cut(report.answer)}".rstrip())
        raise ToolError(f"`id`: there is no task `{wanted}` in the background")


class TaskCancelTool:
    """Ends a task in the background."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "task_cancel", "Stop a task in the background.", input_schema(TaskId), kind="think"
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Check the arguments."""
        wanted = parse_args(TaskId, args)
        return Preview(f"Stop task `{one_line(wanted.id)}`", "think", Access("none", "task_cancel"))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Stop it."""
        wanted = parse_args(TaskId, args).id
        if not _delegation(context).cancel(wanted):
            raise ToolError(f"`id`: no task `{wanted}` is at work")
        return succeeded("The task is being stopped.")


def _delegation(context: ToolContext) -> Delegation:
    if context.delegation is None:
        raise ToolError("tasks cannot be given here; a program uses the `task` of its session")
    return context.delegation


def _line(report: TaskReport) -> str:
    return f"{report.id}: {report.state}, {report.task.agent}: {one_line(report.task.title)}"


def _cut(answer: str) -> str:
    if len(answer) <= MAX_ANSWER:
        return answer
    return f"{answer[:MAX_ANSWER]}\n(cut; {len(answer) - MAX_ANSWER} more characters)"


if TYPE_CHECKING:
    _: tuple[type[ports.Tool], ...] = (TaskTool, TaskStatusTool, TaskCancelTool)
