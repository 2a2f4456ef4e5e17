"""The plan a client shows: never at work when nobody is, gone when all of it was done."""

from __future__ import annotations

import msgspec
import pytest

from acp_agent.base.ids import counting_ids
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.turns import plan
from acp_agent.model import events
from acp_agent.model.toolcall import PlanEntry, TaskStatus, ToolOutcome, succeeded
from acp_agent.ports import ToolContext
from acp_agent.stores.memory import MemoryStore
from tests.engine.conftest import Tool, open_stage, ticking_clock

SCRIPT = """\
call: todo {"statuses": ["completed", "in_progress", "pending"]}
---
say: I stop here.
when: finish
call: todo {"statuses": ["completed", "completed"]}
---
say: Done.
when: hang
call: todo {"statuses": ["in_progress"]}
---
say: a
wait
"""


def entries(*statuses: TaskStatus) -> tuple[PlanEntry, ...]:
    return tuple(PlanEntry(f"entry {number}", status) for number, status in enumerate(statuses))


async def keep(args: JsonObject, context: ToolContext) -> ToolOutcome:
    kept = entries(*msgspec.convert(args["statuses"], tuple[TaskStatus, ...]))
    return ToolOutcome(succeeded("kept").for_model, plan=kept)


def plans(told: list[events.Event]) -> list[tuple[PlanEntry, ...]]:
    return [event.entries for event in told if isinstance(event, events.PlanChanged)]


def todo() -> Tool:
    return Tool("todo", work=keep)


async def test_what_was_in_progress_at_the_end_of_a_turn_is_pending() -> None:
    async with open_stage(SCRIPT, todo()) as stage:
        await stage.prompt("go")
        shown = [entries("completed", "in_progress", "pending"), entries("completed", "pending", "pending")]
        assert plans(stage.host.told) == shown
        assert isinstance(stage.host.told[-1], events.TurnEnded)
        assert plans(await stage.stored()) == shown


async def test_a_plan_that_was_done_is_cleared_with_the_next_prompt() -> None:
    async with open_stage(SCRIPT, todo()) as stage:
        await stage.prompt("finish")
        assert plans(stage.host.told) == [entries("completed", "completed")]
        await stage.prompt("finish")
        done = entries("completed", "completed")
        assert plans(stage.host.told) == plans(await stage.stored()) == [done, (), done]


async def test_a_plan_that_was_not_done_stays_for_the_next_prompt() -> None:
    async with open_stage(SCRIPT, todo()) as stage:
        await stage.prompt("go")
        await stage.prompt("just talk; when")
        assert () not in plans(stage.host.told)


async def test_a_cancelled_turn_closes_its_plan() -> None:
    async with open_stage(SCRIPT, todo()) as stage:
        stage.say("hang")
        await stage.host.wait_for(lambda: stage.host.text == "a")
        stage.session.cancel()
        await stage.host.wait_ends(1)
        assert plans(stage.host.told)[-1] == entries("pending")


async def test_a_plan_that_a_crash_left_at_work_is_closed_when_the_session_is_opened() -> None:
    store = MemoryStore(clock=ticking_clock())
    async with open_stage(SCRIPT, todo(), store=store) as stage:
        stage.say("hang")
        await stage.host.wait_for(lambda: bool(plans(stage.host.told)))
        await stage.session.journal.flush()
        journal = [event async for event in store.read(stage.session.id)]
        assert plans(journal) == [entries("in_progress")]
        found = MemoryStore(clock=ticking_clock())
        await found.create(stage.session.record)
        await found.append(stage.session.id, journal)
        ids = counting_ids()
        async with open_stage(
            SCRIPT, todo(), store=found, new_id=lambda prefix: ids(f"later_{prefix}")
        ) as other:
            reopened = await other.core.open(stage.session.id, other.opening)
            assert reopened.state.plan == entries("pending")


@pytest.mark.parametrize("statuses", [(), ("pending",), ("completed", "pending"), ("completed",)])
def test_a_plan_nobody_works_on_needs_no_closing(statuses: tuple[TaskStatus, ...]) -> None:
    assert plan.at_end(entries(*statuses)) == ()


@pytest.mark.parametrize("statuses", [(), ("pending",), ("completed", "pending"), ("in_progress",)])
def test_only_a_plan_that_is_done_is_cleared(statuses: tuple[TaskStatus, ...]) -> None:
    assert plan.at_start(entries(*statuses)) == ()
