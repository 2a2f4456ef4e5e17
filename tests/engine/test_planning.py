"""Prompts that are planned: analyzed first, worked through step by step, and what may go wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence

import anyio
import msgspec
import pytest

from acp_agent.base.ids import CompactionId, MessageId, counting_ids
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.context.compaction import kept_from
from acp_agent.engine.context.summary import context_text
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.planning.answering import LONG, may_need_plan
from acp_agent.engine.planning.asking import ANSWER_TIME
from acp_agent.model import events
from acp_agent.model.chat import FromAssistant, FromUser, Usage
from acp_agent.model.content import Text
from acp_agent.model.planning import (
    AskedAside,
    Planning,
    PlanningEnded,
    PlanningEvent,
    PlanningStarted,
    StepBegun,
    StepDone,
)
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import PlanEntry, PlanStatus, ToolOutcome, succeeded
from acp_agent.ports import ToolContext
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.stores.memory import MemoryStore
from tests.engine.conftest import (
    VIRTUAL_CLOCK,
    Stage,
    Tool,
    broken_rules,
    history,
    open_stage,
    ticking_clock,
)

AUTO = Planning("auto")
ENABLED = Planning("enabled")
TASKS = "- read it\n- change it\n- test it"
"""A prompt that looks like several tasks."""


def step(content: str, *dependencies: str, name: str = "", **more: object) -> dict[str, object]:
    return {"content": content, "dependencies": dependencies, "id": name, **more}


def plan(*steps: dict[str, object], needed: bool = True, **more: object) -> str:
    """What a model says that plans these steps."""
    return json.dumps({"requires_planning": needed, "execution_plan": {"steps": steps}, **more})


TWO = plan(step("look at it", name="a"), step("change it", "a", name="b"))


def script(analysis: str, *branches: str, default: str = "say: Done.") -> str:
    """A model that analyzes like this; `branches` are its answers to steps."""
    return "\n".join([default, "when: Prepare this request", f"say: {analysis}", *branches])


def told(stage: Stage) -> list[PlanningEvent]:
    """What was told of the planning, without what the model was told."""
    found = [event.event for event in stage.host.told if isinstance(event, events.PlanningTold)]
    return [
        msgspec.structs.replace(event, text="", message_id="") if isinstance(event, StepBegun) else event
        for event in found
        if not isinstance(event, AskedAside)
    ]


def begun(number: int, content: str, n_steps: int = 2) -> PlanningEvent:
    return msgspec.convert(
        {"type": "step_begun", "step_id": str(number), "content": content, "number": number}
        | {"n_steps": n_steps, "message_id": ""},
        StepBegun,
    )


def plans(told: Sequence[events.Event]) -> list[list[PlanStatus]]:
    return [
        [entry.status for entry in event.entries] for event in told if isinstance(event, events.PlanChanged)
    ]


def asked(stage: Stage) -> list[str]:
    """What each request to the model ended with."""
    found: list[str] = []
    for request in stage.provider.requests:
        assert broken_rules(request.messages) == []
        last = request.messages[-1]
        said = last.content if isinstance(last, FromUser) else ()
        found.append("\n".join(part.text for part in said if isinstance(part, Text)))
    return found


async def test_the_steps_of_a_plan_are_worked_through_in_one_turn() -> None:
    answers = script(TWO, "when: Step 1 of 2", "say: I looked.", "when: Step 2 of 2", "say: I changed it.")
    async with open_stage(answers, planning=ENABLED) as stage:
        assert (await stage.prompt("mend it")).stop_reason == "end_turn"
        assert stage.host.text == "I looked.I changed it."
        steps = (PlanEntry("look at it", id="1"), PlanEntry("change it", id="2", dependencies=("1",)))
        assert told(stage) == [
            PlanningStarted("mend it"),
            PlanningEnded(steps, "medium"),
            begun(1, "look at it"),
            StepDone("1", "completed", 1, 2),
            begun(2, "change it"),
            StepDone("2", "completed", 2, 2),
        ]
        assert plans(stage.host.told) == [
            ["in_progress", "pending"],
            ["completed", "pending"],
            ["completed", "in_progress"],
            ["completed", "completed"],
        ]
        assert len(stage.host.ends) == 1


async def test_a_step_is_told_to_the_model_behind_all_that_was_before_and_the_user_is_not_shown_it() -> None:
    answers = script(TWO, "when: Step 1 of 2", "say: I looked.", "when: Step 2 of 2", "say: I changed it.")
    async with open_stage(answers, planning=ENABLED) as stage:
        await stage.prompt("mend it")
        conversation = stage.provider.requests[-1].messages
        kinds = [type(message) for message in conversation]
        assert kinds == [FromUser, FromUser, FromAssistant, FromUser]
        first, second = asked(stage)[1:]
        assert "1. look at it (now)\n2. change it (to do)" in first
        assert "Work on this step only" in first
        assert "1. look at it (done)\n2. change it (now)" in second
        assert "a report of the whole work" in second
        assert len([event for event in stage.host.told if isinstance(event, events.UserSaid)]) == 1
        assert history(await stage.stored()) == stage.session.transcript.messages()


@pytest.mark.parametrize("planning", [AUTO, Planning("disabled")])
async def test_a_prompt_of_one_task_costs_no_further_request(planning: Planning) -> None:
    async with open_stage("say: Done.", planning=planning) as stage:
        await stage.prompt("mend it")
        assert asked(stage) == ["mend it"]
        assert told(stage) == []


async def test_no_prompt_is_planned_where_planning_is_disabled() -> None:
    async with open_stage("say: Done.", planning=Planning("disabled")) as stage:
        await stage.prompt(TASKS)
        assert asked(stage) == [TASKS]


async def test_a_prompt_of_several_tasks_is_planned_if_the_model_says_that_it_has_to_be() -> None:
    answers = script(TWO, "when: Step 1 of 2", "say: One.", "when: Step 2 of 2", "say: Two.")
    async with open_stage(answers, planning=AUTO) as stage:
        await stage.prompt(TASKS)
        assert stage.host.text == "One.Two."


@pytest.mark.parametrize(
    "analysis",
    [
        '{"requires_planning": false}',
        plan(step("look"), needed=False),
        "I would rather not.",
        '{"requires_planning": "perhaps"}',
        '{"requires_planning": true, "execution_plan": {"steps": [{"id": "1"}]}}',
        plan(step("a", "2"), step("b", "1")),
        plan(step("a", name="x"), step("b", name="x")),
        plan(step(" ")),
        plan(step("…")),
        plan(*(step(f"step {number}") for number in range(21))),
    ],
)
async def test_without_a_plan_that_can_be_used_a_prompt_is_answered_in_one_go(analysis: str) -> None:
    async with open_stage(script(analysis), planning=AUTO) as stage:
        assert (await stage.prompt(TASKS)).stop_reason == "end_turn"
        assert told(stage) == [PlanningStarted(TASKS), PlanningEnded()]
        assert plans(stage.host.told) == []
        assert asked(stage)[1:] == [TASKS]


@pytest.mark.parametrize("failure", ["error: 401 who are you", "cut", "stop: refusal"])
async def test_a_failed_analysis_fails_nothing_else(failure: str) -> None:
    answers = f"say: Done.\nwhen: Prepare this request\n{failure}"
    async with open_stage(answers, planning=AUTO) as stage:
        assert (await stage.prompt(TASKS)).stop_reason == "end_turn"
        assert stage.host.text == "Done."


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_an_analysis_that_never_ends_is_not_waited_for(anyio_backend: object) -> None:
    async with open_stage("say: Done.\nwhen: Prepare this request\nwait", planning=AUTO) as stage:
        ended = anyio.Event()
        stage.host.on_event = lambda event: ended.set() if isinstance(event, events.TurnEnded) else None
        stage.say(TASKS)
        with anyio.fail_after(ANSWER_TIME + 1):
            await ended.wait()
        assert stage.host.text == "Done."


@pytest.mark.parametrize("analysis", ["I would rather not.", '{"requires_planning": false}'])
async def test_where_a_plan_is_wanted_and_there_is_none_the_prompt_is_the_plan(analysis: str) -> None:
    async with open_stage(script(analysis), planning=ENABLED) as stage:
        await stage.prompt("mend it")
        assert told(stage) == [
            PlanningStarted("mend it"),
            PlanningEnded((PlanEntry("mend it", id="1"),)),
            begun(1, "mend it", 1),
            StepDone("1", "completed", 1, 1),
        ]
        assert plans(stage.host.told) == [["in_progress"], ["completed"]]
        assert asked(stage)[1:] == ["mend it"]


async def test_the_model_plans_with_the_words_before_the_request_and_its_tools_in_mind() -> None:
    async with open_stage(
        script("no", default="say: There are two.\n---\nsay: x"), Tool("look"), planning=AUTO
    ) as stage:
        await stage.prompt("how many?")
        await stage.prompt(f"do so for both </request> </before>\n{TASKS}")
        (question,) = [words for words in asked(stage) if "Prepare this request" in words]
        assert "There are two." in question
        assert "The agent's tools: look." in question
        assert "</request_>" in question


async def test_in_plan_mode_only_what_is_planned_in_any_case_is() -> None:
    async with open_stage(script(TWO), planning=AUTO) as stage:
        await stage.session.set_mode("plan")
        await stage.prompt(TASKS)
        assert told(stage) == []


async def test_what_waits_for_a_failed_step_is_skipped_and_the_rest_is_done() -> None:
    steps = plan(step("a", name="a"), step("b", "a", name="b"), step("c", name="c"))
    answers = script(
        steps,
        *("when: Step 1 of 3", "say: **FAILED:** there is no a", "when: Step 3 of 3", "say: c is done"),
    )
    async with open_stage(answers, planning=ENABLED) as stage:
        assert (await stage.prompt("all")).stop_reason == "end_turn"
        assert [event for event in told(stage) if isinstance(event, StepDone)] == [
            StepDone("1", "failed", 1, 3),
            StepDone("3", "completed", 3, 3),
        ]
        assert plans(stage.host.told)[-1] == ["failed", "skipped", "completed"]
        (notice,) = stage.host.of(events.Noticed)
        assert notice == events.Noticed(
            "warning",
            "The plan ended early",
            "1 of 3 steps were not begun: they wait for one that failed",
        )


async def test_the_requests_of_all_steps_count_against_the_limit_of_the_turn() -> None:
    look = "call: look {}\n---\nsay: looked"
    answers = script(TWO, "when: Step 1 of 2", look, "when: Step 2 of 2", look)
    async with open_stage(answers, Tool("look"), planning=ENABLED, max_steps=3) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_turn_requests"
        assert plans(stage.host.told)[-1] == ["completed", "failed"]
        assert len(stage.provider.requests) == 1 + 3


async def test_no_step_is_begun_without_a_request_left_for_it() -> None:
    answers = script(TWO, "when: Step 1 of 2", "say: looked")
    async with open_stage(answers, planning=ENABLED, max_steps=1) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_turn_requests"
        assert plans(stage.host.told)[-1] == ["completed", "pending"]


async def test_a_model_that_fails_in_a_step_fails_the_step_and_the_turn() -> None:
    async with open_stage(script(TWO, "when: Step 1 of 2", "error: 401 no"), planning=ENABLED) as stage:
        ended = await stage.prompt("go")
        assert ended.stop_reason == "error"
        assert StepDone("1", "failed", 1, 2) in told(stage)
        assert plans(stage.host.told)[-1] == ["failed", "pending"]


async def test_a_cancelled_turn_leaves_no_step_in_progress_and_is_shown_the_same_later() -> None:
    answers = script(TWO, "when: Step 1 of 2", "say: I looked.", "when: Step 2 of 2", "say: a\nwait")
    async with open_stage(answers, planning=ENABLED) as stage:
        stage.say("go")
        await stage.host.wait_for(lambda: stage.host.text.endswith("a"))
        stage.session.cancel()
        await stage.host.wait_ends(1)
        assert stage.host.ends[0].stop_reason == "cancelled"
        assert told(stage)[-1] == StepDone("2", "cancelled", 2, 2)
        assert plans(stage.host.told)[-1] == ["completed", "cancelled"]
        shown = stage.session.state.plan
        reopened = await stage.reopen()
        assert reopened.session.state.plan == shown
        assert plans(await stage.stored()) == plans(stage.host.told)


async def test_a_cancel_while_the_model_plans_ends_the_turn() -> None:
    async with open_stage("say: x\nwhen: Prepare this request\nwait", planning=ENABLED) as stage:
        stage.say("go")
        await stage.host.wait_for(lambda: bool(told(stage)))
        stage.session.cancel()
        await stage.host.wait_ends(1)
        assert stage.host.ends[0].stop_reason == "cancelled"
        assert plans(stage.host.told) == []


async def test_after_any_event_of_a_planned_turn_a_session_can_be_opened_with_no_step_in_progress() -> None:
    answers = script(TWO, "when: Step 1 of 2", "say: I looked.", "when: Step 2 of 2", "say: I changed it.")
    async with open_stage(answers, planning=ENABLED) as stage:
        await stage.prompt("go")
        journal = await stage.stored()
        record = stage.session.record
    for length in range(1, len(journal)):
        if isinstance(journal[length], events.PlanChanged):
            continue  # it is stored together with the event before it, all or none
        store = MemoryStore(clock=ticking_clock())
        await store.create(record)
        await store.append(record.id, journal[:length])
        ids = counting_ids()
        async with open_stage(
            "", store=store, new_id=lambda prefix, ids=ids: ids(f"later_{prefix}")
        ) as other:
            opened = await other.core.open(record.id, other.opening)
            assert "in_progress" not in [entry.status for entry in opened.state.plan]
            kept = [event async for event in store.read(record.id)]
            assert n_told(kept, StepDone) == n_told(journal[:length], StepBegun)
            assert broken_rules(opened.transcript.messages()) == []


def n_told(journal: Sequence[events.Event], kind: type[PlanningEvent]) -> int:
    return sum(isinstance(event, events.PlanningTold) and isinstance(event.event, kind) for event in journal)


async def test_what_is_said_into_a_step_is_taken_up_and_the_plan_goes_on() -> None:
    held = anyio.Event()

    async def hold(args: JsonObject, context: ToolContext) -> ToolOutcome:
        await held.wait()
        return succeeded("seen")

    look = Tool("look", work=hold)
    answers = script(
        TWO,
        *("when: Step 1 of 2", "call: look {}", "when: no, that", "say: That then."),
        *("when: Step 2 of 2", "say: Changed."),
    )
    async with open_stage(answers, look, planning=ENABLED) as stage:
        stage.say("go")
        await look.started.wait()
        assert stage.session.steer((Text("no, that"),))
        held.set()
        await stage.host.wait_ends(1)
        assert stage.host.text == "That then.Changed."


async def test_between_two_steps_a_turn_still_takes_what_is_said() -> None:
    answers = script(
        TWO, "when: Step 1 of 2", "say: One.", "when: Step 2 of 2", "say: Two.", "when: wait", "say: Ok."
    )
    async with open_stage(answers, planning=ENABLED) as stage:
        taken: list[bool] = []

        def say(event: events.Event) -> None:
            if isinstance(event, events.PlanningTold) and isinstance(event.event, StepDone):
                taken.append(stage.session.steer((Text("wait"),)))

        stage.host.on_event = say
        await stage.prompt("go")
        assert taken == [True, False]
        assert stage.host.text == "One.Ok."


async def test_a_plan_of_a_turn_is_gone_with_the_next_one_if_nothing_is_left_of_it() -> None:
    steps = plan(step("a", name="a"), step("b", "a"))
    answers = script(steps, "when: Step 1 of 2", "say: FAILED: no", "when: hello", "say: hi")
    async with open_stage(answers, planning=AUTO) as stage:
        await stage.prompt(TASKS)
        assert plans(stage.host.told)[-1] == ["failed", "skipped"]
        await stage.prompt("hello")
        assert plans(stage.host.told)[-1] == []


async def test_what_planning_took_is_part_of_what_the_prompt_used_and_cost() -> None:
    priced = ModelInfo("paid/m", "m", input_price=1.0, output_price=2.0)
    answers = f"say: Done.\nusage: 10 1\nwhen: Prepare this request\nsay: {plan()}\nusage: 100 10"
    model = ScriptedProvider(answers, "paid", (priced,))
    async with open_stage("", providers=(model,), defaults=Defaults("paid/m"), planning=ENABLED) as stage:
        await stage.prompt("go")
        spending = stage.session.state.spending
        assert spending.last == Usage(110, 11)
        assert spending.cost == pytest.approx((110 * 1 + 11 * 2) / 1_000_000)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("mend the parser", False),
        (TASKS, True),
        ("1. a\n2) b\n 3. c", True),
        ("[ ] a\n[x] b\n[] c", True),
        ("- a\n- b", False),
        ("mend this\n```\n- a\n- b\n- c\n```", False),
        ("<context>\n- a\n- b\n- c\n</context>\nwhat is it?", False),
        ("x" * LONG, True),
        ("```\n" + "x" * LONG + "\n```", False),
        ("3.5 is more\n2.4 is less\n1.0 is least", False),
        ("<p>\n- a\n- b\n- c", True),
        ("```\n- a\n- b\n- c", True),
        ("<p>\n<q>\n- a\n</p>\n- b\n- c\n- d\n</q>", True),
        ('<file name="a">- a</file>\n~~~text\n- b\n```\n- c\n~~~\n- d', False),
    ],
)
def test_without_a_model_only_lists_and_long_prompts_look_like_several_tasks(text: str, may: bool) -> None:
    assert may_need_plan(text) is may


def test_a_prompt_of_megabytes_is_no_list_of_tasks() -> None:
    assert not may_need_plan("1. do this\n2. and that\n" * 10_000)


def test_a_step_that_nobody_has_answered_is_kept_by_a_compaction_and_the_users_words_too() -> None:
    said = events.UserSaid(MessageId("said"), (Text("mend it all"),))
    text = events.TextChunk(MessageId("answer"), "I looked. " * 100)
    begun = StepBegun("2", "change it", 2, 2, MessageId("step"), "Step 2 of 2: change it")
    transcript = Transcript()
    for event in (said, text, events.StepEnded("stop", Usage(), "m"), events.PlanningTold(begun)):
        transcript.apply(event)
    past = transcript.past
    start = kept_from(past, 0)
    assert past.id_at(start) == "step"
    assert not past.knows(MessageId("step"))
    context = context_text(past, start, "It was looked at.", quote_limit=1_000)
    assert "mend it all" in context
    transcript.apply(
        events.CompactionEnded(
            CompactionId("c"), "completed", context=context, kept_from=past.id_at(start), usage=Usage()
        )
    )
    assert transcript.messages() == (FromUser((Text(context),)), FromUser((Text(begun.text),)))
