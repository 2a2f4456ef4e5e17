"""The tool `todo`: the plan that the user watches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import PlanEntry, Priority, TaskStatus, ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.plaintext import plain

if TYPE_CHECKING:
    from acp_agent import ports

MAX_ENTRIES = 100
"""Entries of one plan."""


class TodoEntry(msgspec.Struct, frozen=True):
    """One line of the plan as the model writes it."""

    content: Annotated[
        str, msgspec.Meta(min_length=1, max_length=1_000, description="What to do, in a few words.")
    ]
    status: TaskStatus = "pending"
    priority: Priority = "medium"


class TodoArgs(msgspec.Struct, frozen=True):
    """Arguments of `todo`."""

    entries: Annotated[
        tuple[TodoEntry, ...],
        msgspec.Meta(max_length=MAX_ENTRIES, description="The whole plan; it replaces the one before."),
    ]


class TodoTool:
    """Replaces the plan shown to the user."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "todo",
            "Show the user your plan for work of several steps. Send all entries each time; keep one entry "
            "`in_progress` and mark entries `completed` as soon as they are.",
            input_schema(TodoArgs),
            kind="think",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Check the entries."""
        parse_args(TodoArgs, args)
        return Preview("Update the plan", "think", Access("none", "todo"))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Replace the plan."""
        entries = parse_args(TodoArgs, args).entries
        plan = tuple(PlanEntry(plain(entry.content), entry.status, entry.priority) for entry in entries)
        counts = Counter(entry.status for entry in entries)
        summary = f"plan updated: {counts['completed']} of {len(entries)} entries completed"
        return msgspec.structs.replace(succeeded(summary), plan=plan)


if TYPE_CHECKING:
    _: type[ports.Tool] = TodoTool
