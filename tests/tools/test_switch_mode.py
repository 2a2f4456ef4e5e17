"""The tool that presents a plan; what its question leads to is the engine's (tests/engine)."""

from __future__ import annotations

import pytest

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import shown_text
from acp_agent.model.permission import Access
from acp_agent.ports import Preview, ToolContext
from acp_agent.tools.switch_mode import SwitchModeTool


async def test_the_plan_is_shown_whole_before_anything_is_asked(
    context: ToolContext,
) -> None:
    preview = await SwitchModeTool().preview({"plan": "# Plan\n\n1. Look\n2. Leap"}, context)
    access = Access("none", "switch_mode")
    shown = (shown_text("# Plan\n\n1. Look\n2. Leap"),)
    assert preview == Preview("Carry out this plan?", "switch_mode", access, shown)


@pytest.mark.parametrize("args", [{}, {"plan": ""}, {"plan": None}, {"plan": 5}, {"plan": "x" * 50_001}])
async def test_a_plan_that_is_none_is_refused(args: JsonObject, context: ToolContext) -> None:
    with pytest.raises(ToolError, match="plan"):
        await SwitchModeTool().preview(args, context)


async def test_control_sequences_in_the_plan_do_not_reach_the_terminal(
    context: ToolContext,
) -> None:
    preview = await SwitchModeTool().preview({"plan": "a\x1b[2Jb"}, context)
    assert "\x1b" not in str(preview.content)
