"""Goals of turns, and how a plan of steps and the model's own plan become one."""

from __future__ import annotations

import json

import msgspec
import pytest

from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events
from acp_agent.model.planning import (
    Goal,
    GoalJudged,
    GoalSet,
    Planning,
    PlanningEnded,
    PlanningEvent,
    PlanningMode,
    PlanningStarted,
    StepBegun,
)
from acp_agent.model.toolcall import PlanEntry, ToolOutcome, succeeded
from acp_agent.ports import ToolContext
from tests.engine.conftest import Stage, Tool, open_stage
from tests.engine.test_planning import TWO, asked, plan, script, step, told

TRACKED = Planning("auto", track_goals=True)
GOAL = {"description": "The parser is mended", "success_criteria": ["its tests pass"]}
ANALYSIS = json.dumps({"requires_planning": False, "goal": GOAL})
MENDED = Goal("The parser is mended", ("its tests pass",))


def judged(stage: Stage) -> list[PlanningEvent]:
    """What was told of the goal, without how long that took."""
    return [
        msgspec.structs.replace(event, duration=0.0) if isinstance(event, GoalJudged) else event
        for event in told(stage)
        if isinstance(event, (GoalSet, GoalJudged))
    ]


def judging(answer: str, analysis: str = ANALYSIS, *, default: str = "say: Mended.") -> str:
    return script(analysis, "when: Judge whether", f"say: {answer}", default=default)


async def test_a_goal_is_told_before_the_work_and_judged_behind_it() -> None:
    answers = judging('{"achieved": true, "progress": 0.9, "remaining_criteria": []}')
    async with open_stage(answers, planning=TRACKED) as stage:
        await stage.prompt("mend the parser")
        assert judged(stage) == [GoalSet(MENDED), GoalJudged(True, 1.0)]
        kinds = [type(event) for event in stage.host.told]
        assert kinds.index(events.PlanningTold) < kinds.index(events.TextChunk)
        assert told(stage)[:3] == [PlanningStarted("mend the parser"), GoalSet(MENDED), PlanningEnded()]
        _, _, question = asked(stage)
        assert "The parser is mended\n- its tests pass" in question
        assert "Mended." in question


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            '{"achieved": false, "progress": 0.5, "remaining_criteria": ["its tests pass"]}',
            GoalJudged(False, 0.5, ("its tests pass",)),
        ),
        ('{"achieved": false, "progress": 7}', GoalJudged(False, 1.0)),
        ('{"achieved": false}', GoalJudged(False, 0.0)),
    ],
)
async def test_a_goal_that_is_not_reached_says_what_is_missing(answer: str, expected: GoalJudged) -> None:
    async with open_stage(judging(answer), planning=TRACKED) as stage:
        assert (await stage.prompt("mend the parser")).stop_reason == "end_turn"
        assert judged(stage) == [GoalSet(MENDED), expected]


@pytest.mark.parametrize("answer", ["hard to say", '{"progress": 1}', "x\nstop: refusal"])
async def test_a_goal_that_nobody_can_judge_is_left_open(answer: str) -> None:
    async with open_stage(judging(answer), planning=TRACKED) as stage:
        assert (await stage.prompt("mend the parser")).stop_reason == "end_turn"
        assert judged(stage) == [GoalSet(MENDED)]


@pytest.mark.parametrize(("mode", "n_requests"), [("disabled", 2), ("auto", 3), ("enabled", 3)])
async def test_without_an_analysis_the_goal_is_what_the_prompt_says(
    mode: PlanningMode, n_requests: int
) -> None:
    answers = judging('{"achieved": true}', "nothing to say")
    async with open_stage(answers, planning=Planning(mode, track_goals=True)) as stage:
        await stage.prompt("mend the parser")
        assert judged(stage) == [GoalSet(Goal("mend the parser")), GoalJudged(True, 1.0)]
        assert len(stage.provider.requests) == n_requests


async def test_the_goal_of_a_turn_that_did_not_end_well_is_not_judged() -> None:
    answers = judging('{"achieved": true}', default="say: a\nstop: max_tokens")
    async with open_stage(answers, planning=TRACKED) as stage:
        assert (await stage.prompt("mend the parser")).stop_reason == "max_tokens"
        assert judged(stage) == [GoalSet(MENDED)]


async def test_a_prompt_has_a_goal_and_a_plan() -> None:
    answers = script(
        plan(step("look", name="1"), step("change", "1"), goal=GOAL),
        *("when: Judge whether", 'say: {"achieved": true}'),
        *("when: Step 1 of 2", "say: One.", "when: Step 2 of 2", "say: Two."),
    )
    async with open_stage(answers, planning=Planning("enabled", track_goals=True)) as stage:
        await stage.prompt("mend the parser")
        assert judged(stage) == [GoalSet(MENDED), GoalJudged(True, 1.0)]
        assert stage.host.text == "One.Two."


async def note(args: JsonObject, context: ToolContext) -> ToolOutcome:
    entries = msgspec.convert(args["entries"], tuple[PlanEntry, ...])
    return msgspec.structs.replace(succeeded("noted"), plan=entries)


def call(*entries: tuple[str, str]) -> str:
    listed = [{"content": content, "status": status} for content, status in entries]
    return f"call: todo {json.dumps({'entries': listed})}"


def shown(stage: Stage) -> list[list[tuple[str, str]]]:
    return [
        [(entry.content, entry.status) for entry in event.entries]
        for event in stage.host.told
        if isinstance(event, events.PlanChanged)
    ]


async def test_what_the_model_plans_in_a_step_is_shown_behind_the_steps() -> None:
    first = call(("find the file", "completed"), ("read it", "in_progress"))
    second = call(("find the file", "completed"), ("read it", "completed"), ("look at it", "completed"))
    answers = script(
        TWO,
        *("when: Step 1 of 2", first, "---", second, "---", "say: One."),
        *("when: Step 2 of 2", "say: Two."),
    )
    async with open_stage(answers, Tool("todo", work=note), planning=Planning("enabled")) as stage:
        await stage.prompt("mend it")
        at_work = [("look at it", "in_progress"), ("change it", "pending")]
        first_done = [("look at it", "completed"), ("change it", "pending")]
        assert shown(stage) == [
            at_work,
            [*at_work, ("find the file", "completed"), ("read it", "in_progress")],
            [*at_work, ("find the file", "completed"), ("read it", "completed")],
            [*first_done, ("find the file", "completed"), ("read it", "completed")],
            [("look at it", "completed"), ("change it", "in_progress")],
            [("look at it", "completed"), ("change it", "completed")],
        ]
        assert [entry.id for entry in stage.session.state.plan] == ["1", "2"]


async def test_a_step_that_the_model_did_already_is_not_worked_on_again() -> None:
    answers = script(TWO, "when: Step 1 of 2", call(("change it", "completed")), "---", "say: Both.")
    async with open_stage(answers, Tool("todo", work=note), planning=Planning("enabled")) as stage:
        assert (await stage.prompt("mend it")).stop_reason == "end_turn"
        assert shown(stage)[-1] == [("look at it", "completed"), ("change it", "completed")]
        assert [event.step_id for event in told(stage) if isinstance(event, StepBegun)] == ["1"]


async def test_without_a_plan_of_steps_the_plan_is_the_models() -> None:
    answers = f"{call(('a', 'completed'))}\n---\nsay: Done."
    async with open_stage(answers, Tool("todo", work=note), planning=Planning("auto")) as stage:
        await stage.prompt("mend it")
        assert shown(stage) == [[("a", "completed")]]
