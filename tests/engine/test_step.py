"""What a model says becomes calls every provider accepts back, whatever it got wrong."""

from __future__ import annotations

import string
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, get_args

import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.ids import counting_ids
from acp_agent.engine.agent_core import Defaults
from acp_agent.model import events
from acp_agent.model.chat import (
    CallArguments,
    CallStarted,
    FinishReason,
    FromAssistant,
    FromTools,
    ModelDelta,
    ModelRequest,
    Retrying,
    StepFinished,
    Text,
    TextDelta,
    Thought,
    ThoughtDelta,
    ThoughtSealed,
    Usage,
)
from acp_agent.model.session import ModelInfo
from tests.engine.conftest import SlowStore, Tool, broken_rules, collect, open_stage

if TYPE_CHECKING:
    from tests.engine.conftest import Stage

LEGAL = {*string.ascii_letters, *string.digits, "_", "-"}
CALLED = StepFinished("tool_calls", Usage(1, 1))
STOPPED = StepFinished("stop", Usage(1, 1))


class Playing:
    """A model that answers its n-th request with the n-th list of deltas, later ones with the word `end`."""

    def __init__(self, *steps: Sequence[ModelDelta]) -> None:
        self.name = "playing"
        self.requests: list[ModelRequest] = []
        self._steps = steps

    def models(self) -> tuple[ModelInfo, ...]:
        return (ModelInfo("playing/m", "Playing"),)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        self.requests.append(request)
        n_requests = len(self.requests)
        steps = self._steps[n_requests - 1] if n_requests <= len(self._steps) else [TextDelta("end"), STOPPED]
        for delta in steps:
            await anyio.lowlevel.checkpoint()
            yield delta

    async def prepare(self) -> None: ...

    async def aclose(self) -> None: ...


DEFAULTS = Defaults("playing/m", "auto")


def call(index: int, call_id: str, name: str, arguments: str) -> list[ModelDelta]:
    half = len(arguments) // 2
    return [
        CallStarted(index, call_id, name),
        CallArguments(index, arguments[:half]),
        CallArguments(index, arguments[half:]),
    ]


def requested(stage: Stage) -> list[events.CallRequested]:
    return [event for event in stage.host.told if isinstance(event, events.CallRequested)]


def answers(stage: Stage) -> list[str]:
    return [
        "".join(part.text for part in event.content if isinstance(part, Text))
        for event in stage.host.told
        if isinstance(event, events.CallAnswered)
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("read file", "read_file"),
        ("a.b/c", "a_b_c"),
        ("fähig", "f_hig"),
        ("", "unnamed"),
        ("x" * 100, "x" * 64),
        ("ok-1_2", "ok-1_2"),
    ],
)
async def test_names_are_made_legal(name: str, expected: str) -> None:
    model = Playing([*call(0, "c", name, "{}"), CALLED])
    async with open_stage("", providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        assert [event.name for event in requested(stage)] == [expected]
        assert f"no tool `{expected}`" in answers(stage)[0]


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a"], ["a", None]),
        (["", "b"], [None, "b"]),
        (["a b", "ü", "x" * 65], [None, None, None]),
        (["x" * 64], ["x" * 64]),
    ],
)
async def test_ids_are_made_legal_and_unique(ids: list[str], kept: list[str | None]) -> None:
    deltas = [delta for index, call_id in enumerate(ids) for delta in call(index, call_id, "echo", "{}")]
    model = Playing([*deltas, CALLED])
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        got = [event.call_id for event in requested(stage)]
        assert len(set(got)) == len(ids)
        assert all(set(call_id) <= LEGAL and 0 < len(call_id) <= 64 for call_id in got)
        assert [call_id if call_id in ids else None for call_id in got] == kept


async def test_an_id_used_in_an_earlier_turn_is_replaced() -> None:
    step = [*call(0, "same", "echo", "{}"), CALLED]
    model = Playing(step, [STOPPED], step)
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("one")
        await (await stage.reopen()).prompt("two")
        first, second = requested(stage)
        assert first.call_id == "same" != second.call_id


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("[1]", "not an object"),
        ('"text"', "not an object"),
        ("null", "not an object"),
        ("{", "not usable"),
        ('{"a": NaN}', "not usable"),
        ('{"a": "\ud800"}', "not usable"),
        ("[" * 300, "not usable"),
    ],
)
async def test_arguments_that_are_no_object_are_refused_and_not_run(arguments: str, reason: str) -> None:
    tool = Tool("echo")
    model = Playing([*call(0, "c", "echo", arguments), CALLED])
    async with open_stage("", tool, providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        assert tool.runs == []
        assert requested(stage) == [events.CallRequested(requested(stage)[0].call_id, "echo", {})]
        assert reason in answers(stage)[0]
        assert broken_rules(model.requests[-1].messages) == []


@pytest.mark.parametrize(("arguments", "expected"), [("", {}), (" \n", {}), ('{"a": [1]}', {"a": [1]})])
async def test_arguments_may_be_missing(arguments: str, expected: dict[str, object]) -> None:
    tool = Tool("echo")
    model = Playing([*call(0, "c", "echo", arguments), CALLED])
    async with open_stage("", tool, providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        assert tool.runs == [expected]


async def test_calls_cut_off_by_the_token_limit_are_dropped() -> None:
    tool = Tool("echo")
    model = Playing(
        [TextDelta("I will"), *call(0, "c", "echo", '{"a": '), StepFinished("max_tokens", Usage())]
    )
    async with open_stage("", tool, providers=[model], defaults=DEFAULTS) as stage:
        ended = await stage.prompt("go")
        assert (ended.stop_reason, requested(stage), tool.runs) == ("max_tokens", [], [])
        await stage.prompt("again")
        assert broken_rules(model.requests[-1].messages) == []


async def test_calls_run_one_after_another_in_the_order_of_their_index() -> None:
    tool = Tool("echo")
    deltas = [*call(2, "c", "echo", '{"n": 2}'), *call(0, "a", "echo", '{"n": 0}'), CALLED]
    model = Playing(deltas)
    async with open_stage("", tool, providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        assert tool.runs == [{"n": 0}, {"n": 2}]
        assert isinstance(model.requests[1].messages[-1], FromTools)


async def test_thinking_goes_back_to_the_model_with_its_signature() -> None:
    model = Playing(
        [
            ThoughtDelta("h"),
            ThoughtDelta("m"),
            ThoughtSealed("one"),
            ThoughtSealed("two"),
            TextDelta("x"),
            STOPPED,
        ]
    )
    async with open_stage("", providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        await stage.prompt("again")
        assert model.requests[1].messages[1] == FromAssistant(
            (Thought("hm", "one"), Thought("", "two"), Text("x"))
        )
        thoughts = [event for event in stage.host.told if isinstance(event, events.ThoughtEnded)]
        assert len({event.message_id for event in thoughts}) == 2


async def test_a_stream_without_an_end_is_a_fault_and_keeps_what_was_said() -> None:
    model = Playing([TextDelta("half "), TextDelta("a sentence")])
    async with open_stage("", providers=[model], defaults=DEFAULTS) as stage:
        ended = await stage.prompt("go")
        assert ended.stop_reason == "error"
        assert ended.fault is not None
        assert (ended.fault.fault, ended.fault.provider) == ("bad_stream", "playing")
        assert stage.host.text == "half a sentence"
        await stage.prompt("again")
        assert broken_rules(model.requests[-1].messages) == []


async def test_retries_are_noticed() -> None:
    model = Playing([Retrying(1, 2.0, "overloaded"), TextDelta("x"), STOPPED])
    async with open_stage("", providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        notices = [event for event in stage.host.told if isinstance(event, events.Noticed)]
        assert [(notice.severity, notice.detail) for notice in notices] == [("info", "overloaded")]
        assert "2 s" in notices[0].title


DELTAS = st.lists(
    st.one_of(
        st.builds(TextDelta, st.sampled_from(["", " ", "x"])),
        st.builds(ThoughtDelta, st.sampled_from(["", "x"])),
        st.builds(ThoughtSealed, st.sampled_from(["", "s"])),
        st.builds(
            CallStarted,
            st.integers(0, 2),
            st.sampled_from(["", "a", "b", "ä"]),
            st.sampled_from(["", "echo", "ü"]),
        ).map(lambda started: (started, CallArguments(started.index, '{"x": 1}'))),
    ),
    max_size=6,
).map(lambda items: [delta for item in items for delta in (item if isinstance(item, tuple) else (item,))])
ENDINGS: st.SearchStrategy[FinishReason] = st.sampled_from(get_args(FinishReason))


@given(st.lists(st.tuples(DELTAS, ENDINGS), max_size=4))
async def test_whatever_a_model_says_every_later_request_is_valid(
    steps: list[tuple[list[ModelDelta], FinishReason]],
) -> None:
    model = Playing(*[[*deltas, StepFinished(reason, Usage())] for deltas, reason in steps])
    tool = Tool("echo")
    async with open_stage(
        "", tool, providers=[model], defaults=DEFAULTS, store=SlowStore(), new_id=counting_ids()
    ) as stage:
        while len(model.requests) <= len(steps):
            await stage.prompt("go")
        for request in model.requests:
            assert broken_rules(request.messages) == []
        stored = await stage.stored()
        assert await collect(stage.session.stored_events()) == stored
        live = [event for event in stage.host.told if isinstance(event, events.CallAnswered)]
        assert [event.call_id for event in live] == [event.call_id for event in requested(stage)]
