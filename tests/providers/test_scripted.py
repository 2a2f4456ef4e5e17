from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.ids import ToolCallId
from acp_agent.base.jsontext import load
from acp_agent.model.chat import (
    CallArguments,
    CallStarted,
    ChatMessage,
    FromAssistant,
    FromTools,
    FromUser,
    ModelDelta,
    ModelRequest,
    Retrying,
    StepFinished,
    TextDelta,
    ThoughtDelta,
    ToolResult,
    ToolUse,
    Usage,
)
from acp_agent.model.content import Image, Text
from acp_agent.providers.script import parse_script, words
from acp_agent.providers.scripted import ScriptedProvider
from tests.patience import PATIENCE

Ask = Callable[..., Awaitable[Any]]


def request(*messages: ChatMessage) -> ModelRequest:
    return ModelRequest(ScriptedProvider("say: x").models()[0], "", messages)


def user(text: str) -> FromUser:
    return FromUser((Text(text),))


def step(call_id: str, result: str) -> tuple[ChatMessage, ChatMessage]:
    used = FromAssistant((ToolUse(ToolCallId(call_id), "ls", {}),))
    return used, FromTools((ToolResult(ToolCallId(call_id), (Text(result),)),))


def text(deltas: list[ModelDelta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def test_reply_is_played_in_order(ask: Ask) -> None:
    script = """
        # a comment
        think: let me see
        say: I look
        call: ls {"path": "."}
        usage: 12 3
    """
    answer = await ask(ScriptedProvider(script))
    assert answer.deltas == [
        ThoughtDelta("let"),
        ThoughtDelta(" me"),
        ThoughtDelta(" see"),
        TextDelta("I"),
        TextDelta(" look"),
        CallStarted(0, "call_1_0", "ls"),
        CallArguments(0, '{"path'),
        CallArguments(0, '":"."}'),
        StepFinished("tool_calls", Usage(12, 3)),
    ]


async def test_lines_in_a_row_are_joined_and_escapes_are_line_ends(ask: Ask) -> None:
    answer = await ask(ScriptedProvider("say: one\nsay:\nsay: two\\nthree"))
    assert text(answer.deltas) == "one\n\ntwo\nthree"


async def test_templates_are_filled_once(ask: Ask) -> None:
    provider = ScriptedProvider("say: {prompt} then {result} {other}")
    conversation = (
        user("first"),
        *step("c", "files"),
        user("say {result}"),
    )
    assert text((await ask(provider, request(*conversation))).deltas).startswith(
        "say {result} then files {other}"
    )


async def test_replies_of_a_turn_follow_each_other(ask: Ask) -> None:
    provider = ScriptedProvider("say: one\ncall: ls\n---\nsay: two {result}")
    first = await ask(provider, request(user("go")))
    second = await ask(provider, request(user("go"), *step("c", "a.txt")))
    again = await ask(
        provider, request(user("go"), *step("c", "a.txt"), FromAssistant((Text("x"),)), user("go"))
    )
    assert [text(answer.deltas) for answer in (first, second, again)] == ["one", "two a.txt", "one"]


async def test_branch_is_chosen_by_the_users_words(ask: Ask) -> None:
    provider = ScriptedProvider(
        "say: default\nwhen: Weather\nsay: rain\n---\nsay: more rain\nwhen: wea\nsay: never"
    )
    assert text((await ask(provider, "How is the WEATHER?")).deltas) == "rain"
    assert text((await ask(provider, request(user("weather"), *step("c", "")))).deltas) == "more rain"
    assert text((await ask(provider, "Hello")).deltas) == "default"


async def test_message_without_words_starts_no_turn(ask: Ask) -> None:
    provider = ScriptedProvider("say: one\n---\nsay: two")
    pictures = FromUser((Image("aGk=", "image/png"),))
    assert text((await ask(provider, request(user("go"), *step("c", ""), pictures))).deltas) == "two"


async def test_call_ids_are_unique_in_a_conversation(ask: Ask) -> None:
    provider = ScriptedProvider("call: ls\ncall: ls\n---\ncall: ls")
    first = (await ask(provider, request(user("go")))).deltas
    second = (await ask(provider, request(user("go"), *step("c", "")))).deltas
    ids = [delta.id for delta in (*first, *second) if isinstance(delta, CallStarted)]
    assert len(set(ids)) == 3


async def test_exhausted_script_is_an_error(ask: Ask) -> None:
    answer = await ask(ScriptedProvider("when: hello\nsay: x"), "bye")
    assert (answer.error.fault, answer.error.retryable) == ("script", False)
    assert "reply number 1 to `bye`" in str(answer.error)


async def test_closing_words_end_an_exhausted_branch(ask: Ask) -> None:
    provider = ScriptedProvider("closing: That is all.\nsay: x")
    assert text((await ask(provider, request(user("go"), *step("c", "")))).deltas) == "That is all."


@pytest.mark.parametrize(
    ("script", "fault", "said"),
    [
        ("error: 401 wrong key", "unauthorized", ""),
        ("error: 400 prompt is too long", "context_too_long", ""),
        ("say: half\nerror: 529 busy", "bad_stream", "half"),
        ("say: half\ncut", "bad_stream", "half"),
        ("reset", "bad_stream", ""),
        ("body: text/html <title>Sign in</title>", "bad_stream", ""),
    ],
)
async def test_faults_are_raised_as_a_service_would(script: str, fault: str, said: str, ask: Ask) -> None:
    answer = await ask(ScriptedProvider(script))
    assert answer.error.fault == fault
    assert text(answer.deltas) == said


async def test_passing_failures_are_told_as_retries(ask: Ask) -> None:
    answer = await ask(ScriptedProvider("fail: 2 529 busy\nsay: x"))
    assert [delta.attempt for delta in answer.deltas if isinstance(delta, Retrying)] == [1, 2]
    assert text(answer.deltas) == "x"


async def test_flood_is_many_pieces(ask: Ask) -> None:
    answer = await ask(ScriptedProvider("flood: 1000"))
    assert len(answer.deltas) == 1001


async def test_arguments_can_be_wrong_on_purpose(ask: Ask) -> None:
    answer = await ask(ScriptedProvider('call-raw: ls {"path": '))
    assert "".join(d.text for d in answer.deltas if isinstance(d, CallArguments)) == '{"path":'


@pytest.mark.parametrize("reason", ["stop", "max_tokens", "refusal"])
async def test_stop_says_why(reason: str, ask: Ask) -> None:
    answer = await ask(ScriptedProvider(f"say: x\nstop: {reason}"))
    assert answer.deltas[-1].reason == reason


async def test_wait_lasts_until_cancelled() -> None:
    provider = ScriptedProvider("say: x\nwait\nsay: never")
    heard: list[ModelDelta] = []

    async def listen() -> None:
        async for delta in provider.stream(request(user("go"))):
            heard.append(delta)  # noqa: PERF401 - a comprehension would lose what came before the cancel

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tg:
            tg.start_soon(listen)
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            tg.cancel_scope.cancel()
    assert heard == [TextDelta("x")]


async def test_requests_are_kept(ask: Ask) -> None:
    record: list[ModelRequest] = []
    provider = ScriptedProvider("say: x", record=record)
    await ask(provider, request(user("go")))
    assert provider.requests is record
    assert [item.messages for item in record] == [(user("go"),)]


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("say: a\nshout: b", 2),
        ("nonsense", 1),
        ("call: ls {", 1),
        ("call: ls []", 1),
        ("call:", 1),
        ("usage: many", 1),
        ("stop: here", 1),
        ("error: later", 1),
        ("error: 99 x", 1),
        ("fail: 500 x", 1),
        ("flood: -1", 1),
        ("header: x", 1),
        ("body: html x", 1),
        ("say: x\nwhen:", 2),
        ("when: a\nsay: x\nclosing: late", 3),
    ],
)
def test_bad_line_is_named(script: str, line: int) -> None:
    with pytest.raises(ConfigError, match=f"script line {line}: ") as caught:
        parse_script(script)
    assert caught.value.hint


async def test_script_is_read_from_a_file(tmp_path: Path, ask: Ask) -> None:
    path = tmp_path / "hello.script"
    path.write_bytes("say: grüß dich\r\n---\r\nsay: b\r\n".encode())
    provider = ScriptedProvider.from_file(path, name="demo")
    assert text((await ask(provider)).deltas) == "grüß dich"
    assert provider.models()[0].id == "demo/script"


def test_missing_or_unreadable_file_is_a_setting_error(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", "binary"):
        with pytest.raises(ConfigError, match=name):
            ScriptedProvider.from_file(tmp_path / name)


def test_words_lose_nothing() -> None:
    for sample in ("", " a  b\n\nc ", "x", "  "):
        assert "".join(words(sample)) == sample


async def test_tour_greets_and_says_how_to_configure_a_model(ask: Ask) -> None:
    tour = ScriptedProvider.tour()
    said = text((await ask(tour, "hi")).deltas)
    assert "acp-agent doctor" in said
    assert "OPENAI_API_KEY" in said
    assert tour.models()[0].id == "scripted/tour"
    assert await tour.prepare() is None
    assert await tour.aclose() is None


@pytest.mark.parametrize(("prompt", "tools"), [("tour", ["ls", "todo", "write", "todo"]), ("Demo!", ["ls"])])
async def test_tour_shows_the_tools_then_closes(prompt: str, tools: list[str], ask: Ask) -> None:
    tour = ScriptedProvider.tour()
    messages: list[ChatMessage] = [user(prompt)]
    called: list[str] = []
    while True:
        deltas = (await ask(tour, request(*messages))).deltas
        assert text(deltas)
        names = [delta.name for delta in deltas if isinstance(delta, CallStarted)]
        arguments = "".join(delta.text for delta in deltas if isinstance(delta, CallArguments))
        if not names:
            break
        assert isinstance(load(arguments.encode()), dict)
        called += names
        messages += step(f"c{len(called)}", "done")
    assert called == tools
    messages += [FromAssistant((Text("x"),)), *step("last", "")]
    assert (await ask(tour, request(*messages))).deltas[-1].reason == "stop"
