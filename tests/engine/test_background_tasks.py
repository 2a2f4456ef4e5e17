"""Tasks in the background whose end the model has not been told of: kept in the journal, told later, once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.rewind.messages import rewind, rewind_points
from acp_agent.model import events
from acp_agent.ports import ToolContext
from tests.engine.conftest import Tool, broken_rules
from tests.engine.test_automatic_delegation import said_last
from tests.engine.test_cancelling import check_journal
from tests.engine.test_subagents import BACKGROUND, CHILD, LATER, answers, crash, of, stage, states
from tests.patience import PATIENCE

SCRIPT = f"{BACKGROUND}\n{LATER}\nwhen: in the background\nsay: seen\n{CHILD}"


async def _forever(args: JsonObject, context: ToolContext) -> Any:
    await anyio.sleep_forever()


async def test_what_ended_after_the_last_turn_is_told_when_the_session_is_opened_again() -> None:
    async with stage(SCRIPT, Tool("look")) as on:
        await on.prompt("go")
        await on.host.wait_for(lambda: states(on) == ["completed"])
        (started,) = of(on, events.SubagentStarted)
        await on.reopen()
        await on.prompt("and?")
        told = f"and?\n[The task {started.agent_id} in the background, general: look, is completed."
        assert said_last(on).startswith(told)
        assert said_last(on).endswith("found it")
        assert broken_rules(on.provider.requests[-1].messages) == []
        check_journal(await on.stored())


async def test_what_was_told_is_not_told_again_and_can_still_be_asked_for() -> None:
    async with stage(SCRIPT, Tool("look")) as on:
        await on.prompt("go")
        await on.host.wait_for(lambda: states(on) == ["completed"])
        await on.prompt("and?")
        await on.reopen()
        await on.prompt("later")
        assert said_last(on) == "later"
        assert ": completed, general: look" in answers(on)[-1]
        (report,) = on.session.subagents.reports()
        assert (report.state, report.answer) == ("completed", "found it")


@pytest.mark.parametrize(("killed", "state"), [(False, "cancelled"), (True, "interrupted")])
async def test_what_the_end_of_the_process_cut_off_is_told(*, killed: bool, state: str) -> None:
    look = Tool("look", work=_forever)
    async with stage(SCRIPT, look) as on:
        await on.prompt("go")
        with anyio.fail_after(PATIENCE):
            await look.started.wait()
        if killed:
            await crash(on)
        else:
            await on.reopen()
        await on.prompt("later")
        assert f"in the background, general: look, is {state}." in said_last(on)
        assert f": {state}, general: look" in answers(on)[-1]


async def test_an_end_that_was_rewound_is_told_again_and_a_task_that_was_rewound_is_not() -> None:
    async with stage(SCRIPT, Tool("look")) as on:
        await on.prompt("go")
        await on.host.wait_for(lambda: states(on) == ["completed"])
        for prompt in ("and?", "and so?"):
            await on.prompt(prompt)
            assert "is completed." in said_last(on)
            await on.reopen()
            first, second = await rewind_points(on.session.stored_events())
            await rewind(on.session, second.message_id)
        await rewind(on.session, first.message_id)
        await on.prompt("later")
        assert said_last(on) == "later"
        assert answers(on)[-1] == "(no task was started in the background)"
