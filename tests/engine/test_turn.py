from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.conftest import Tool, broken_rules

from acp_agent.model import events
from acp_agent.model.chat import FromTools, Usage

if TYPE_CHECKING:
    from tests.engine.conftest import OpenStage


@pytest.mark.parametrize(
    ("script", "stop_reason"),
    [
        ("say: done", "end_turn"),
        ("say: half of\nstop: max_tokens", "max_tokens"),
        ('call: echo {"x": 1}\nstop: max_tokens', "max_tokens"),
        ("say: no\nstop: refusal", "refusal"),
        ("say:", "end_turn"),
        ("think: only thinking", "end_turn"),
    ],
)
async def test_a_turn_ends_as_the_model_does(open_stage: OpenStage, script: str, stop_reason: str) -> None:
    async with open_stage(script, Tool("echo")) as stage:
        ended = await stage.prompt("go")
        assert (ended.stop_reason, ended.fault) == (stop_reason, None)
