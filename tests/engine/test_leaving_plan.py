"""The way out of plan mode: offered in it only, and taken only with the user's word."""

from __future__ import annotations

import pytest

from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.permission.policy import MAX_LABEL
from acp_agent.engine.permission.rules import Rules, parse_rule
from acp_agent.engine.turns.leaving_plan import CHOICES
from acp_agent.model import events
from acp_agent.model.permission import Decision
from acp_agent.model.session import ModeId
from acp_agent.model.toolcall import ToolOutcome, succeeded
from acp_agent.ports import ToolContext
from acp_agent.tools.switch_mode import SwitchModeTool
from tests.engine.conftest import Stage, Tool, open_stage

SCRIPT = """\
call: switch_mode {"plan": "1. Look"}
---
call: save {}
---
say: {result}
"""
PLANNING = Defaults("scripted/script", mode="plan")


def modes(stage: Stage) -> list[events.Event]:
    return stage.host.of(events.ModeChanged)


def answers(stage: Stage) -> list[bool]:
    return [not event.is_error for event in stage.host.told if isinstance(event, events.CallAnswered)]


@pytest.mark.parametrize(("decision", "mode"), [("allow_always", "accept-edits"), ("allow_once", "ask")])
async def test_the_answer_names_the_mode_to_go_on_in(decision: Decision, mode: ModeId) -> None:
    save = Tool("save", "write")
    async with open_stage(SCRIPT, SwitchModeTool(), save, defaults=PLANNING) as stage:
        stage.host.decision = decision
        await stage.prompt("plan it")
        assert modes(stage) == [events.ModeChanged(mode)]
        assert stage.session.state.mode == mode
        assert answers(stage) == [True, True]
        assert save.runs == [{}]


@pytest.mark.parametrize("decision", ["reject_once", "dismissed"])
async def test_without_the_users_word_nothing_changes(decision: Decision) -> None:
    save = Tool("save", "write")
    async with open_stage(SCRIPT, SwitchModeTool(), save, defaults=PLANNING) as stage:
        stage.host.decision = decision
        await stage.prompt("plan it")
        assert modes(stage) == []
        assert stage.session.state.mode == "plan"
        assert answers(stage) == [False, False]  # and the edit that followed was refused
        assert save.runs == []


async def test_the_question_shows_the_plan_and_names_the_modes_in_few_words() -> None:
    async with open_stage(SCRIPT, SwitchModeTool(), defaults=PLANNING) as stage:
        await stage.prompt("plan it")
        (question,) = stage.host.asked
        assert (question.call.kind, question.call.title) == ("switch_mode", "Carry out this plan?")
        assert "1. Look" in str(question.call.content)
        assert question.choices == CHOICES
        assert all(len(choice.label) <= MAX_LABEL for choice in CHOICES)


async def test_it_is_asked_about_each_time_whatever_rules_and_answers_say() -> None:
    rules = Rules(allow=(parse_rule("switch_mode"), parse_rule("*")))
    defaults = Defaults("scripted/script", mode="plan", rules=rules)
    async with open_stage(SCRIPT, SwitchModeTool(), Tool("save"), defaults=defaults) as stage:
        stage.host.decision = "allow_always"
        await stage.prompt("plan it")
        await stage.session.set_mode("plan")
        await stage.prompt("plan it")
        assert len(stage.host.asked) == 2
        assert stage.session.state.grants.allowed == set()


async def test_a_rule_can_close_the_way_out() -> None:
    defaults = Defaults("scripted/script", mode="plan", rules=Rules(deny=(parse_rule("switch_mode"),)))
    async with open_stage(SCRIPT, SwitchModeTool(), defaults=defaults) as stage:
        await stage.prompt("plan it")
        assert stage.host.asked == []
        assert stage.session.state.mode == "plan"


@pytest.mark.parametrize("mode", ["ask", "accept-edits", "auto"])
async def test_outside_of_plan_mode_there_is_no_such_tool(mode: ModeId) -> None:
    async with open_stage(SCRIPT, SwitchModeTool(), defaults=Defaults("scripted/script", mode=mode)) as stage:
        await stage.prompt("plan it")
        assert stage.host.asked == []
        assert "There is no tool `switch_mode`" in str(stage.host.of(events.CallAnswered)[0])


async def test_a_proposal_that_comes_too_late_is_not_asked_about() -> None:
    async def switch(args: JsonObject, context: ToolContext) -> ToolOutcome:
        await stage.session.set_mode("ask")  # as the user may do in the middle of a step
        return succeeded("looked")

    script = 'call: look {}\ncall: switch_mode {"plan": "1. Look"}\n---\nsay: {result}'
    async with open_stage(script, Tool("look", work=switch), SwitchModeTool(), defaults=PLANNING) as stage:
        await stage.prompt("plan it")
        assert stage.host.asked == []
        assert stage.session.state.mode == "ask"
        assert "over already" in str(stage.host.of(events.CallAnswered)[-1])
