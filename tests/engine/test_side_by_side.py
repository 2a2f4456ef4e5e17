"""Calls of one step: those that only look run at the same time, all others alone and in their turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import msgspec
import pytest

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.turns.side_by_side import MAX_BESIDE
from acp_agent.model import events
from acp_agent.model.chat import FromTools
from acp_agent.model.content import Text
from acp_agent.model.permission import Effect
from acp_agent.model.toolcall import ToolKind, ToolOutcome, succeeded
from tests.engine.conftest import Stage, Tool, broken_rules, history, open_stage
from tests.patience import PATIENCE

Work = Callable[[JsonObject, ports.ToolContext], Awaitable[ToolOutcome]]


class Kind(Tool):
    """A tool of this kind, whose `always` answer is about all its calls."""

    def __init__(self, name: str, kind: ToolKind, effect: Effect = "read", work: Work | None = None) -> None:
        super().__init__(name, effect, work)
        self._spec = msgspec.structs.replace(self._spec, kind=kind)


class Gate:
    """Counts the calls that are at work; each stays until `n` have come."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.now = 0
        self.most = 0
        self.open = anyio.Event()

    async def work(self, args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == self.n:
            self.open.set()
        with anyio.fail_after(PATIENCE):
            await self.open.wait()
        self.now -= 1
        return succeeded(str(args["n"]))


def calls(*names: str) -> str:
    called = [f'call: {name} {{"n": {number}}}' for number, name in enumerate(names)]
    return "\n".join((*called, "---", "say: ok"))


def told(stage: Stage) -> list[str]:
    """What the model was told of the calls, in the order it was told."""
    (results,) = (message for message in history(stage.host.told) if isinstance(message, FromTools))
    return [part.text for result in results.results for part in result.content if isinstance(part, Text)]


@pytest.mark.parametrize("kind", ["read", "search", "fetch"])
async def test_calls_that_only_look_run_side_by_side_up_to_a_limit(kind: ToolKind) -> None:
    gate = Gate(MAX_BESIDE)
    async with open_stage(calls(*["look"] * 2 * MAX_BESIDE), Kind("look", kind, work=gate.work)) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert gate.most == MAX_BESIDE
        assert told(stage) == [str(number) for number in range(2 * MAX_BESIDE)]


async def test_the_model_is_told_answers_in_its_own_order_whichever_came_first() -> None:
    first_may_end = anyio.Event()

    async def slow_first(args: JsonObject, _: ports.ToolContext) -> ToolOutcome:
        if args["n"] == 0:
            with anyio.fail_after(PATIENCE):
                await first_may_end.wait()
        elif args["n"] == 2:
            first_may_end.set()
        return succeeded(str(args["n"]))

    async with open_stage(calls("look", "look", "look"), Kind("look", "read", work=slow_first)) as stage:
        await stage.prompt("go")
        answered = [event.content[0] for event in stage.host.of(events.CallAnswered)]
        assert answered[-1] == Text("0")
        assert told(stage) == ["0", "1", "2"]


async def test_a_call_that_changes_something_waits_for_those_before_it_and_is_waited_for() -> None:
    running: set[str] = set()
    order: list[str] = []

    def work(name: str) -> Work:
        async def run(args: JsonObject, _: ports.ToolContext) -> ToolOutcome:
            assert name == "look" or not running
            assert "change" not in running
            running.add(name)
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            running.discard(name)
            order.append(f"{name} {args['n']}")
            return succeeded("done")

        return run

    look, change = Kind("look", "read", work=work("look")), Kind("change", "edit", "write", work("change"))
    script = calls("look", "look", "change", "change", "look", "change")
    async with open_stage(script, look, change) as stage:
        await stage.prompt("go")
    assert [*sorted(order[:2]), *order[2:]] == [
        *("look 0", "look 1", "change 2", "change 3", "look 4", "change 5")
    ]


async def test_the_user_is_asked_one_question_at_a_time_and_an_always_is_about_those_that_wait() -> None:
    fetch = Kind("fetch", "fetch", "other")
    async with open_stage(calls("fetch", "fetch", "fetch"), fetch) as stage:
        stage.host.decision = "allow_always"
        await stage.prompt("go")
        assert len(stage.host.asked) == 1
        assert len(fetch.runs) == 3
    fetch = Kind("fetch", "fetch", "other")
    async with open_stage(calls("fetch", "fetch", "fetch"), fetch) as stage:
        stage.host.decision = "reject_always"
        await stage.prompt("go")
        assert len(stage.host.asked) == 1
        assert fetch.runs == []
        assert "rejected this call" in told(stage)[0]
        assert "rejected this for the whole session" in told(stage)[1]


async def test_a_cancel_at_any_event_answers_every_call_and_leaves_none_at_work() -> None:
    n_events, too_late = 0, False
    while not too_late:
        working: set[object] = set()

        async def work(args: JsonObject, _: ports.ToolContext, at_work: set[object] = working) -> ToolOutcome:
            at_work.add(args["n"])
            try:
                await anyio.lowlevel.checkpoint()
            finally:
                at_work.discard(args["n"])
            return succeeded("done")

        async with open_stage(calls(*["look"] * 3), Kind("look", "read", work=work)) as stage:

            def cancel(_: events.Event, on: Stage = stage, at: int = n_events) -> None:
                if len(on.host.told) == at + 1:
                    on.session.cancel()

            stage.host.on_event = cancel
            stage.say("go")
            await stage.host.wait_ends(1)
            too_late = stage.host.ends[0].stop_reason == "end_turn"
            assert working == set()
            assert broken_rules(history(await stage.stored())) == []
            ended = {event.call_id for event in stage.host.of(events.CallAnswered)}
            assert {event.call_id for event in stage.host.of(events.CallRequested)} == ended
        n_events += 1
    assert n_events > 10
