"""The tool `switch_mode`: presents the plan made in plan mode and asks to carry it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import shown_text
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.plaintext import plain

if TYPE_CHECKING:
    from acp_agent import ports

MAX_PLAN = 50_000
"""Characters of a plan."""


class SwitchModeArgs(msgspec.Struct, frozen=True):
    """Arguments of `switch_mode`."""

    plan: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=MAX_PLAN, description="The whole plan in Markdown, as the user reads it."
        ),
    ]


class SwitchModeTool:
    """Shows the plan; the engine asks the user for the next mode before this runs."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "switch_mode",
            "You are in plan mode, where nothing can be changed. When you know enough, present your plan "
            "with this tool: the user reads it and decides whether you may leave plan mode to carry it out. "
            "Do not use it for questions that need no changes.",
            input_schema(SwitchModeArgs),
            kind="switch_mode",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Show the plan."""
        text = plain(parse_args(SwitchModeArgs, args).plan)
        title = "Carry out this plan?"
        return Preview(title, "switch_mode", Access("none", "switch_mode"), (shown_text(text),))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Tell the model that it may begin."""
        return succeeded("The user approved the plan and ended plan mode. Carry the plan out now.")


if TYPE_CHECKING:
    _: type[ports.Tool] = SwitchModeTool
