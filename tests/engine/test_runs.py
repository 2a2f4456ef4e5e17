"""Every prompt is a run: what was asked, how it stands, what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from acp_agent.base.ids import MessageId, TurnId
from acp_agent.engine.runs import Retention, RunLog, run_events, run_snapshot, runs
from acp_agent.model import events
from acp_agent.model.content import Text
from tests.engine.conftest import NOW, open_stage

SCRIPT = "say: here you are\nwhen: fail\nerror: 500 no luck\nwhen: wait\nsay: I begin\nwait"


async def journal_of(events_: Sequence[events.Event]) -> AsyncIterator[events.Event]:
    for event in events_:
        yield event


def turn(number: int, *inner: events.Event, ends: bool = True) -> list[events.Event]:
    turn_id = TurnId(f"t{number}")
    opening = [
        events.TurnStarted(turn_id, NOW + timedelta(seconds=number)),
        events.UserSaid(MessageId(f"u{number}"), (Text(f"prompt {number}"),)),
    ]
    end = [events.TurnEnded(turn_id, "end_turn", NOW + timedelta(seconds=number + 1))] if ends else []
    return [*opening, *inner, *end]


async def test_runs_tell_what_was_asked_and_what_came_of_it() -> None:
    async with open_stage(SCRIPT) as stage:
        ended = [await stage.prompt(text) for text in ("hello\nthere", "fail", "/help")]
        stage.say("wait")
        await stage.host.wait_for(lambda: "I begin" in stage.host.text)
        found = await runs(journal_of(await stage.stored()))
        assert [run.id for run in found[:3]] == [end.turn_id for end in ended]
        assert [run.status for run in found] == ["completed", "failed", "completed", "running"]
        assert [run.prompt for run in found] == ["hello there", "fail", "/help", "wait"]
        assert [run.result is None for run in found] == [False, True, False, True]
        assert found[0].result == "here you are"
        assert found[1].error is not None
        assert "no luck" in found[1].error
        assert (found[0].ended_at, found[0].updated_at) == (ended[0].at, ended[0].at)
        assert found[3].ended_at is None
        stage.session.cancel()
        await stage.host.wait_ends(4)
        found = await runs(journal_of(await stage.stored()))
        assert (found[3].status, found[3].result) == ("cancelled", "I begin")


async def test_a_run_a_crash_cut_off_is_interrupted_once_the_session_is_opened_again() -> None:
    async with open_stage(SCRIPT) as stage:
        await stage.store.create(stage.session.record)
        await stage.store.append(stage.session.id, turn(1, ends=False))
        assert [run.status for run in await runs(stage.store.read(stage.session.id))] == ["running"]
        await stage.reopen()
        assert [run.status for run in await runs(stage.store.read(stage.session.id))] == ["interrupted"]


async def test_the_events_of_a_run_are_counted_and_read_back_from_any_number() -> None:
    notices = [events.Noticed("info", str(n)) for n in range(5)]
    journal = [events.Noticed("info", "before"), *turn(1), *turn(2, *notices), *turn(3)]
    snapshot = await run_snapshot(journal_of(journal), TurnId("t2"))
    read = [one async for one in run_events(journal_of(journal), TurnId("t2"))]
    assert snapshot is not None
    assert snapshot.n_events == len(read) == 8
    assert [one.sequence for one in read] == list(range(8))
    assert [one.event for one in read] == turn(2, *notices)
    later = [one async for one in run_events(journal_of(journal), TurnId("t2"), start=6)]
    assert later == read[6:]
    assert await run_snapshot(journal_of(journal), TurnId("t9")) is None
    assert [one async for one in run_events(journal_of(journal), TurnId("t9"))] == []


@pytest.mark.parametrize("kept", [0, 1, 3])
async def test_limits_drop_what_was_first_and_go_on_counting(kept: int) -> None:
    journal = turn(1, *[events.Noticed("info", str(n)) for n in range(5)])
    limits = Retention(max_events_per_run=kept)
    read = [one async for one in run_events(journal_of(journal), TurnId("t1"), retention=limits)]
    assert [one.sequence for one in read] == list(range(8))[8 - kept :]
    snapshot = await run_snapshot(journal_of(journal), TurnId("t1"))
    assert snapshot is not None
    assert snapshot.n_events == 8


async def test_a_running_run_is_never_dropped() -> None:
    journal = [event for number in range(1, 6) for event in turn(number)] + turn(6, ends=False)
    assert [run.id for run in await runs(journal_of(journal), Retention(max_runs=2))] == ["t5", "t6"]
    log = RunLog(Retention(max_runs=0))
    for event in journal:
        log.apply(event)
        assert not isinstance(event, events.TurnStarted) or log.current is not None
    assert [run.id for run in log.runs] == ["t6"]
    assert log.current == log.runs[0]


async def test_a_turn_whose_end_was_lost_does_not_run_forever() -> None:
    found = await runs(journal_of([*turn(1, ends=False), *turn(2)]))
    assert [run.status for run in found] == ["interrupted", "completed"]
