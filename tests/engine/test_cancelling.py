"""Cancelling, closing and crashing at every possible moment of a turn.

The script below makes a turn that thinks, talks, asks for permission, runs tools and reports a plan and
usage. Each test repeats it and interferes one moment later each time, until the turn is over before that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from acp_agent import ports
from acp_agent.base.errors import SessionClosed
from acp_agent.base.ids import random_id
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events
from acp_agent.model.content import Text, shown_text
from acp_agent.model.toolcall import PlanEntry, ToolCallPatch, ToolOutcome
from tests.engine.conftest import SlowStore, Stage, Tool, broken_rules, collect, history, open_stage
from tests.patience import PATIENCE

SCRIPT = """\
think: let me see
say: I will look.
usage: 10 2
call: look {"n": 1}
call: change {"n": 2}
---
say: One more.
call: change {"n": 3}
---
say: All done.
"""


async def _look(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
    for n_lines in range(3):
        context.report(ToolCallPatch(content=(shown_text(f"{n_lines} lines"),)))
        await anyio.lowlevel.checkpoint()
    return ToolOutcome((Text("seen"),), plan=(PlanEntry("change it"),))


def stage_tools() -> tuple[Tool, Tool]:
    return Tool("look", "read", _look), Tool("change", "write")


def check_journal(journal: list[events.Event]) -> None:
    """What holds for every journal at every moment."""
    open_turn: str | None = None
    open_calls: set[str] = set()
    for event in journal:
        match event:
            case events.TurnStarted(turn_id):
                assert open_turn is None
                open_turn = turn_id
            case events.CallRequested(call_id):
                open_calls.add(call_id)
            case events.CallAnswered(call_id):
                open_calls.remove(call_id)
            case events.TurnEnded(turn_id):
                assert (turn_id, open_calls) == (open_turn, set())
                open_turn = None
            case events.UserSaid() | events.TextChunk() | events.StepEnded() | events.UsageChanged():
                assert open_turn is not None
            case _:
                pass
    assert broken_rules(history(journal)) == []


def last_states(journal: list[events.Event]) -> dict[str, object]:
    return {
        event.call_id: event.patch.status
        for event in journal
        if isinstance(event, events.CallShown) and isinstance(event.patch.status, str)
    }


async def check_end(stage: Stage, turn_id: str) -> None:
    """A cancelled turn is over, told and stored alike, and the next prompt works."""
    await stage.host.wait_ends(1)
    (ended,) = stage.host.ends
    assert (ended.turn_id, ended.fault) == (turn_id, None)
    assert ended.stop_reason in ("cancelled", "end_turn")
    assert stage.host.told[-1] == ended
    check_journal(stage.host.told)
    assert set(last_states(stage.host.told).values()) <= {"completed", "failed", "cancelled"}
    stored = await stage.stored()
    check_journal(stored)
    assert text_of(stored) == text_of(stage.host.told)

    stage.host.on_event = lambda _: None
    assert (await stage.prompt("again")).stop_reason == "end_turn"
    assert stage.host.text.endswith("All done.")
    for request in stage.provider.requests:
        assert broken_rules(request.messages) == []
    check_journal(await stage.stored())
    assert not stage.session.is_busy


def text_of(journal: list[events.Event]) -> str:
    return "".join(event.text for event in journal if isinstance(event, events.TextChunk))


async def until_too_late(attempt: Callable[[int], Awaitable[bool]], *, at_least: int) -> None:
    """Call `attempt(0)`, `attempt(1)`, ... until one says the turn was over before it interfered."""
    n_attempts = 0
    while await attempt(n_attempts):
        n_attempts += 1
        assert n_attempts < 1000
    assert n_attempts >= at_least


async def test_cancel_after_any_published_event_ends_the_turn_cancelled() -> None:
    async def attempt(n_events: int) -> bool:
        async with open_stage(SCRIPT, *stage_tools()) as stage:

            def cancel_now_and_then(_: events.Event) -> None:
                if len(stage.host.told) == n_events + 1:
                    stage.session.cancel()

            stage.host.on_event = cancel_now_and_then
            turn_id = stage.say("go")
            await check_end(stage, turn_id)
            n_told = 1 + stage.host.told.index(stage.host.ends[0])
            if n_told <= n_events + 1:
                return False
            # What was stored together is told together; of a new step or call there is no sign.
            begun = (events.TextChunk, events.ThoughtChunk, events.PermissionDecided)
            assert not any(isinstance(event, begun) for event in stage.host.told[n_events + 1 : n_told])
            if not isinstance(stage.host.told[n_events], events.StepEnded | events.UsageChanged):
                assert stage.host.ends[0].stop_reason == "cancelled"
            return True

    await until_too_late(attempt, at_least=20)


@pytest.mark.parametrize("decision", ["allow_once", "reject_once", None])
async def test_cancel_at_any_tick_ends_the_turn(decision: str | None) -> None:
    async def attempt(n_ticks: int) -> bool:
        async with open_stage(SCRIPT, *stage_tools(), store=SlowStore()) as stage:
            stage.host.decision = decision  # type: ignore[assignment]
            turn_id = stage.say("go")
            for _ in range(n_ticks):
                await anyio.lowlevel.checkpoint()
            too_late = bool(stage.host.ends) or (decision is None and n_ticks > 150)
            stage.session.cancel()
            await stage.host.wait_ends(1)
            stage.host.decision = "allow_once"
            await check_end(stage, turn_id)
            return not too_late

    await until_too_late(attempt, at_least=40)


async def test_close_at_any_tick_answers_every_prompt_and_stores_everything() -> None:
    async def attempt(n_ticks: int) -> bool:
        async with open_stage(SCRIPT, *stage_tools(), store=SlowStore()) as stage:
            turn_ids = [stage.say("go"), stage.say("and then"), stage.say("finally")]
            for _ in range(n_ticks):
                await anyio.lowlevel.checkpoint()
            too_late = len(stage.host.ends) == 3
            with anyio.fail_after(PATIENCE):
                await stage.session.close()
            assert [end.turn_id for end in stage.host.ends] == turn_ids
            assert {end.stop_reason for end in stage.host.ends} <= {"cancelled", "end_turn"}
            check_journal(stage.host.told)
            stored = await collect(stage.store.read(stage.session.id))
            check_journal(stored)
            assert [event for event in stored if isinstance(event, events.TurnEnded)] == stage.host.ends
            assert text_of(stored) == text_of(stage.host.told)
            with pytest.raises(SessionClosed):
                stage.say("too late")
            return not too_late

    await until_too_late(attempt, at_least=40)


async def test_a_close_while_the_journal_is_held_still_answers_the_prompt() -> None:
    async with open_stage("say: x") as stage, anyio.create_task_group() as tasks:
        hold = stage.session.journal.hold()
        await hold.__aenter__()
        turn_id = stage.say("go")
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(stage.session.close)
        await anyio.wait_all_tasks_blocked()
        await hold.__aexit__(None, None, None)
        await stage.host.wait_ends(1)
        assert [end.turn_id for end in stage.host.ends] == [turn_id]


async def test_every_prefix_of_a_journal_can_be_reopened() -> None:
    async with open_stage(SCRIPT, *stage_tools()) as stage:
        await stage.prompt("go")
        record = stage.session.record
        whole = await stage.stored()
    for n_events in range(1, len(whole) + 1):
        store = SlowStore()
        await store.create(record)
        await store.append(record.id, whole[:n_events])
        async with open_stage(SCRIPT, *stage_tools(), store=store, new_id=random_id) as stage:
            stage.session = await stage.core.open(record.id, stage.opening)
            stored = await stage.stored()
            check_journal(stored)
            assert stored[:n_events] == whole[:n_events]
            ends = [event for event in stored if isinstance(event, events.TurnEnded)]
            begun = any(isinstance(event, events.TurnStarted) for event in whole[:n_events])
            expected = "end_turn" if n_events == len(whole) else "interrupted"
            assert [end.stop_reason for end in ends] == ([expected] if begun else [])
            assert (await stage.prompt("again")).stop_reason == "end_turn"
            assert broken_rules(stage.provider.requests[-1].messages) == []


async def test_a_store_failing_at_any_write_loses_nothing_while_the_process_lives() -> None:
    async def attempt(n_good: int) -> bool:
        store = FailingStore(n_good, n_bad=3)
        async with open_stage(SCRIPT, *stage_tools(), store=store) as stage:
            ended = await stage.prompt("go")
            assert ended.stop_reason == "end_turn"
            assert (await stage.prompt("again")).stop_reason == "end_turn"
            for _ in range(3):  # whatever still cannot be written now
                await stage.session.journal.flush()
            stored = await stage.stored()
            check_journal(stored)
            told = [
                event
                for event in stage.host.told
                if isinstance(event, events.TurnEnded | events.CallAnswered)
            ]
            kept = [event for event in stored if isinstance(event, events.TurnEnded | events.CallAnswered)]
            assert kept == told
            assert text_of(stored) == text_of(stage.host.told)
            return store.n_writes > n_good

    await until_too_late(attempt, at_least=10)


class FailingStore(SlowStore):
    """Fails a few writes in a row after some good ones."""

    def __init__(self, n_good: int, n_bad: int) -> None:
        super().__init__()
        self.n_writes = 0
        self._bad = range(n_good, n_good + n_bad)

    async def _wait(self) -> None:
        self.failing = self.n_writes in self._bad
        self.n_writes += 1
        await super()._wait()
