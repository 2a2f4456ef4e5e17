"""A call is shown while the model still writes it, under one id from first sight to end, at a flat cost."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Sequence

import anyio
import msgspec
import pytest
from msgspec import UNSET

from acp_agent.base.errors import ProviderError
from acp_agent.engine.journal import merge_patches
from acp_agent.engine.turns.drafts import SHOW_INTERVAL
from acp_agent.model import events
from acp_agent.model.chat import (
    CallArguments,
    CallStarted,
    ModelDelta,
    ModelRequest,
    StepFinished,
    TextDelta,
    Usage,
)
from acp_agent.model.toolcall import ToolCallPatch
from tests.engine.conftest import VIRTUAL_CLOCK, Host, SlowStore, Tool, broken_rules, open_stage
from tests.engine.test_step import CALLED, DEFAULTS, STOPPED, Playing, answers, requested


class Pausing(Playing):
    """Waits `pause` seconds before each delta of its first answer, for ever after the last if it `hangs`."""

    def __init__(self, deltas: Sequence[ModelDelta], *, pause: float = 0.0, hangs: bool = False) -> None:
        super().__init__(deltas)
        self._pause = pause
        self._hangs = hangs

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        async for delta in super().stream(request):
            await anyio.sleep(self._pause)
            yield delta
        if self._hangs and len(self.requests) == 1:
            await anyio.sleep_forever()


class Failing(Playing):
    """Fails after its deltas."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        async for delta in super().stream(request):
            yield delta
        raise ProviderError("the line is dead", fault="unreachable", provider=self.name)


def written(arguments: str, *, index: int = 0, size: int = 1, name: str = "echo") -> list[ModelDelta]:
    """A call whose arguments come in pieces of `size` characters."""
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    return [CallStarted(index, f"c{index}", name), *(CallArguments(index, piece) for piece in pieces)]


def shown(journal: Iterable[events.Event], call_id: str = "c0") -> list[ToolCallPatch]:
    return [
        event.patch for event in journal if isinstance(event, events.CallShown) and event.call_id == call_id
    ]


def merged(journal: Iterable[events.Event], call_id: str = "c0") -> ToolCallPatch:
    whole = ToolCallPatch()
    for patch in shown(journal, call_id):
        whole = merge_patches(whole, patch)
    return whole


async def until_shown(host: Host, n_patches: int) -> None:
    await host.wait_for(lambda: len(shown(host.told)) >= n_patches)


async def test_a_call_is_shown_when_the_model_has_named_the_tool() -> None:
    model = Pausing([CallStarted(0, "c0", "echo")], hangs=True)
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        stage.say("go")
        await until_shown(stage.host, 1)
        assert shown(stage.host.told) == [
            ToolCallPatch(name="echo", title="echo", kind="other", status="pending")
        ]
        assert requested(stage) == []


async def test_a_complete_argument_shows_at_once() -> None:
    deltas = [CallStarted(0, "c0", "echo"), CallArguments(0, '{"path": "a'), CallArguments(0, '.py", "te')]
    async with open_stage(
        "", Tool("echo"), providers=[Pausing(deltas, hangs=True)], defaults=DEFAULTS
    ) as stage:
        stage.say("go")
        await until_shown(stage.host, 2)
        assert shown(stage.host.told)[1] == ToolCallPatch(title="echo: a.py", raw_input={"path": "a.py"})


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_long_argument_is_seen_growing() -> None:
    text = "x" * 400
    deltas = written(json.dumps({"text": text}), size=10)
    model = Pausing([*deltas, CALLED], pause=SHOW_INTERVAL)
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        inputs = [patch.raw_input for patch in shown(stage.host.told)]
        seen = [str(given["text"]) for given in inputs if isinstance(given, dict) and "text" in given]
        assert len(seen) > 10
        assert seen == sorted(seen, key=len)
        assert seen[-1] == text


@pytest.mark.parametrize("pause", [0.0, 0.002])
@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_flood_of_arguments_shows_in_proportion_to_their_size(pause: float) -> None:
    members = {f"part {number}": "y" * 20 for number in range(200)}
    for arguments in (json.dumps({"text": "x" * 8_000}), json.dumps(members)):
        model = Pausing([*written(arguments, size=4), CALLED], pause=pause)
        async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
            await stage.prompt("go")
            patches = shown(stage.host.told)
            assert len(patches) < 90
            sent = sum(len(msgspec.json.encode(patch)) for patch in patches)
            assert sent < 12 * len(arguments)


async def test_what_is_stored_of_a_streamed_call_merges_to_what_was_shown() -> None:
    arguments = json.dumps({"path": "a.py", "text": 'say "hi"\n' * 20})
    deltas: list[ModelDelta] = []
    for number, delta in enumerate(written(arguments, size=3)):
        deltas += [delta, TextDelta("x")] if number % 7 == 0 else [delta]
    model = Playing([*deltas, CALLED])
    tool = Tool("echo")
    async with open_stage("", tool, providers=[model], defaults=DEFAULTS, store=SlowStore()) as stage:
        await stage.prompt("go")
        stored = await stage.stored()
        assert merged(stored) == merged(stage.host.told)
        assert merged(stored).raw_input == tool.runs[0] == json.loads(arguments)
        assert len(shown(stored)) <= len(shown(stage.host.told))


async def test_calls_written_side_by_side_are_shown_whole_before_the_first_ends() -> None:
    texts = [json.dumps({"n": number, "text": "z" * 50}) for number in range(2)]
    one, two = (written(text, index=index, size=9) for index, text in enumerate(texts))
    mixed = [delta for pair in zip(one, two, strict=True) for delta in pair]
    async with open_stage(
        "", Tool("echo"), providers=[Playing([*mixed, CALLED])], defaults=DEFAULTS
    ) as stage:
        await stage.prompt("go")
        first_answer = stage.host.told.index(stage.host.of(events.CallAnswered)[0])
        assert merged(stage.host.told[:first_answer], "c1").raw_input == json.loads(texts[1])
        assert {patch.status for patch in (merged(stage.host.told, "c0"), merged(stage.host.told, "c1"))} == {
            "completed"
        }


async def test_a_call_cut_off_by_the_token_limit_ends_as_failed() -> None:
    deltas = [*written('{"path": "a.py", "text": "abc'), StepFinished("max_tokens", Usage())]
    tool = Tool("echo")
    async with open_stage("", tool, providers=[Playing(deltas)], defaults=DEFAULTS) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_tokens"
        ended = merged(stage.host.told)
        assert (ended.status, tool.runs, requested(stage)) == ("failed", [], [])
        assert "limit of output" in str(ended.content)
        assert merged(await stage.stored()) == ended


async def test_a_call_that_an_error_cut_off_ends_as_failed() -> None:
    model = Failing(written('{"path": "a.p'))
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        assert (await stage.prompt("go")).stop_reason == "error"
        ended = merged(stage.host.told)
        assert ended.status == "failed"
        assert "broke off" in str(ended.content)


async def test_a_cancel_while_arguments_stream_ends_the_call() -> None:
    model = Pausing(written('{"path": "a.py", "text": "abc'), hangs=True)
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        turn_id = stage.say("go")
        await until_shown(stage.host, 2)
        stage.session.cancel()
        await stage.host.wait_ends(1)
        assert (stage.host.ends[0].turn_id, stage.host.ends[0].stop_reason) == (turn_id, "cancelled")
        assert merged(stage.host.told).status == merged(await stage.stored()).status == "cancelled"
        assert (await stage.prompt("again")).stop_reason == "end_turn"
        assert broken_rules(model.requests[-1].messages) == []


async def test_a_call_that_a_crash_cut_off_is_failed_when_the_session_is_opened_again() -> None:
    model = Pausing(written('{"path": "a.py", "text": "abc'), hangs=True)
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        stage.say("go")
        await until_shown(stage.host, 2)
        journal = await stage.stored()
        assert merged(journal).status == "pending"
        await stage.core.delete(stage.session.id)
        await stage.store.create(stage.session.record)
        await stage.store.append(stage.session.id, journal)
        stage.session = await stage.core.open(stage.session.id, stage.opening)
        assert merged(await stage.stored()).status == "failed"


async def test_an_unknown_tool_is_shown_and_answered_under_the_same_id() -> None:
    model = Playing([*written('{"path": "a.py"}', name="no such/tool"), CALLED])
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        assert shown(stage.host.told)[0] == ToolCallPatch(
            name="no_such_tool", title="no_such_tool", kind="other", status="pending"
        )
        assert merged(stage.host.told).status == "failed"
        assert {event.call_id for event in requested(stage)} == {"c0"}
        assert "no tool `no_such_tool`" in answers(stage)[0]


async def test_an_id_that_was_only_shown_is_not_used_again() -> None:
    cut = [*written('{"path": "a'), StepFinished("max_tokens", Usage())]
    model = Playing(cut, [*written("{}"), CALLED])
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        await (await stage.reopen()).prompt("again")
        (request,) = requested(stage)
        assert request.call_id != "c0"
        assert merged(stage.host.told).status == "failed"
        assert merged(stage.host.told, request.call_id).status == "completed"


async def test_a_call_whose_place_another_takes_ends_as_failed() -> None:
    taking = [CallStarted(0, "other", "echo"), CallArguments(0, "{}")]
    model = Playing([*written('{"path'), *taking, CALLED])
    async with open_stage("", Tool("echo"), providers=[model], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        assert merged(stage.host.told).status == "failed"
        assert [event.call_id for event in requested(stage)] == ["other"]


async def test_a_step_without_calls_shows_none() -> None:
    async with open_stage("", providers=[Playing([TextDelta("x"), STOPPED])], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        assert shown(stage.host.told) == []


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        ({"path": "a.py", "text": "b"}, "echo: a.py"),
        ({"text": "two\nlines", "path": "a.py"}, "echo: a.py"),
        ({"text": "x" * 121}, UNSET),
        ({"n": 1}, UNSET),
        ({"path": ""}, UNSET),
    ],
)
async def test_the_title_tells_what_the_call_is_about(arguments: dict[str, object], title: str) -> None:
    deltas = [*written(json.dumps(arguments), size=1_000), StepFinished("max_tokens", Usage())]
    async with open_stage("", Tool("echo"), providers=[Playing(deltas)], defaults=DEFAULTS) as stage:
        await stage.prompt("go")
        assert shown(stage.host.told)[1].title == title
