"""What is sent, for every shape of history, judged by the rules the services check."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.ids import ToolCallId
from acp_agent.base.jsontext import dump
from acp_agent.model.chat import (
    ChatMessage,
    FromAssistant,
    FromTools,
    FromUser,
    ModelRequest,
    Thought,
    ToolResult,
    ToolUse,
)
from acp_agent.model.content import Audio, Image, Text
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import ToolSpec
from acp_agent.providers.anthropic_request import messages_body
from acp_agent.providers.openai_request import chat_body

SEEING = ModelInfo("test/org/model-1", "M", max_output=10_000, takes_images=True, thinks=True)
BLIND = ModelInfo("test/org/model-1", "M", max_output=10_000, takes_images=False, thinks=False)
READ = ToolSpec("read", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}})
LS = ToolSpec("ls", "List a directory.", {"type": "object"})
PICTURE = Image("aGk=", "image/png")


def use(call_id: str, name: str = "read", **arguments: Any) -> ToolUse:
    return ToolUse(ToolCallId(call_id), name, arguments)


def result(call_id: str, *content: Text | Image, is_error: bool = False) -> ToolResult:
    return ToolResult(ToolCallId(call_id), content, is_error)


def chat(*messages: ChatMessage, model: ModelInfo = SEEING, tools: tuple[ToolSpec, ...] = ()) -> Any:
    return chat_body("test", ModelRequest(model, "Be brief.", messages, tools))


def claude(
    *messages: ChatMessage,
    model: ModelInfo = SEEING,
    tools: tuple[ToolSpec, ...] = (),
    budget: int | None = None,
) -> Any:
    return messages_body("test", ModelRequest(model, "Be brief.", messages, tools), budget)


HELLO = FromUser((Text("Hello"),))
CONVERSATION = (
    HELLO,
    FromAssistant((Thought("hm", "sig"), Text("I look."), use("c1", path="a"), use("c2", "ls"))),
    FromTools((result("c1", Text("A"), PICTURE), result("c2", Text("no such directory"), is_error=True))),
    FromAssistant((Text("Done."),)),
    FromUser((Text("And this?"), PICTURE)),
)


def test_chat_body_has_everything_the_service_needs() -> None:
    assert chat(*CONVERSATION, tools=(READ,)) == {
        "model": "org/model-1",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "read", "arguments": '{"path":"a"}'},
                    },
                    {"id": "c2", "type": "function", "function": {"name": "ls", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "A\n[image: in the user message below]"},
            {"role": "tool", "tool_call_id": "c2", "content": "no such directory"},
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}],
            },
            {"role": "assistant", "content": "Done."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "And this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                ],
            },
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "read",
                    "description": "Read a file.",
                    "parameters": READ.input_schema,
                },
            }
        ],
    }


def test_messages_body_has_everything_the_service_needs() -> None:
    cache = {"type": "ephemeral"}
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    assert claude(*CONVERSATION, tools=(READ, LS), budget=2000) == {
        "model": "org/model-1",
        "max_tokens": 10_000,
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": cache}],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [
            {"name": "read", "description": "Read a file.", "input_schema": READ.input_schema},
            {
                "name": "ls",
                "description": "List a directory.",
                "input_schema": LS.input_schema,
                "cache_control": cache,
            },
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a"}},
                    {"type": "tool_use", "id": "c2", "name": "ls", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": [{"type": "text", "text": "A"}, picture],
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "c2",
                        "content": [{"type": "text", "text": "no such directory"}],
                        "is_error": True,
                    },
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
            {
                "role": "user",
                "content": [{"type": "text", "text": "And this?"}, {**picture, "cache_control": cache}],
            },
        ],
    }


def test_pictures_are_replaced_by_words_for_models_that_cannot_see() -> None:
    for body in (chat(*CONVERSATION, model=BLIND), claude(*CONVERSATION, model=BLIND)):
        text = json.dumps(body)
        assert "aGk=" not in text
        assert text.count("[image omitted: this model takes no images]") == 2


def test_sounds_are_replaced_by_words() -> None:
    for body in (
        chat(FromUser((Audio("aGk=", "audio/wav"),))),
        claude(FromUser((Audio("aGk=", "audio/wav"),))),
    ):
        assert "[audio omitted: this model takes no audio]" in json.dumps(body)
        assert "aGk=" not in json.dumps(body)


def test_thinking_is_not_sent_back_to_chat_models() -> None:
    assert "hm" not in json.dumps(chat(*CONVERSATION))


def test_thinking_without_signature_is_not_sent_back() -> None:
    body = claude(HELLO, FromAssistant((Thought("unsigned"), Text("a"))), HELLO, budget=2000)
    assert "unsigned" not in json.dumps(body)


def test_encrypted_thinking_is_sent_back_as_it_came() -> None:
    body = claude(HELLO, FromAssistant((Thought("", "redacted:xyz"), Text("a"))), HELLO, budget=2000)
    assert body["messages"][1]["content"][0] == {"type": "redacted_thinking", "data": "xyz"}


def test_thinking_is_not_asked_of_models_that_cannot() -> None:
    assert "thinking" not in claude(HELLO, model=BLIND, budget=2000)
    assert "thinking" not in claude(HELLO, budget=None)


def test_turn_that_began_without_thinking_goes_on_without() -> None:
    step = FromAssistant((use("c1"),)), FromTools((result("c1", Text("x")),))
    body = claude(HELLO, FromAssistant((Thought("hm", "sig"), Text("a"))), HELLO, *step, budget=2000)
    assert "thinking" not in body
    assert "sig" not in json.dumps(body)


def test_turn_that_began_with_thinking_goes_on_thinking() -> None:
    first = FromAssistant((Thought("hm", "sig"), use("c1"))), FromTools((result("c1", Text("x")),))
    second = FromAssistant((use("c2"),)), FromTools((result("c2", Text("x")),))
    assert claude(HELLO, *first, *second, budget=2000)["thinking"]["budget_tokens"] == 2000


def test_thinking_budget_leaves_room_for_an_answer() -> None:
    assert claude(HELLO, budget=50_000)["thinking"]["budget_tokens"] == 10_000 - 1024
    assert claude(HELLO, budget=1)["thinking"]["budget_tokens"] == 1024
    assert "thinking" not in claude(
        HELLO, model=ModelInfo("test/m", "M", max_output=2000, thinks=True), budget=1024
    )


def test_provider_name_is_cut_off_the_model_once() -> None:
    request = ModelRequest(ModelInfo("test/test/x", "X"), "", (HELLO,))
    assert chat_body("test", request)["model"] == "test/x"
    assert messages_body("test", request, None)["model"] == "test/x"


def test_no_system_text_is_sent_if_there_is_none() -> None:
    request = ModelRequest(SEEING, " ", (HELLO,))
    assert chat_body("test", request)["messages"] == [{"role": "user", "content": "Hello"}]
    assert "system" not in messages_body("test", request, None)


TEXTS = st.sampled_from(["", " ", "\n", "word", "two words", "\ud800 lone", "ü😀"]).map(Text)
MEDIA = TEXTS | st.just(PICTURE)
VALUES = st.sampled_from(["a", 1, None, float("nan")])
ARGUMENTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(["path", "n"]), VALUES)


@st.composite
def histories(draw: st.DrawFn) -> tuple[ChatMessage, ...]:
    """Anything the engine may send: every use answered in the next message, nothing else promised."""
    messages: list[ChatMessage] = []
    n_calls = 0
    for _ in range(draw(st.integers(1, 4))):
        heard = st.lists(MEDIA | st.just(Audio("aGk=", "audio/wav")), max_size=3)
        messages.append(FromUser(tuple(draw(heard))))
        for _ in range(draw(st.integers(0, 3))):
            thought = st.builds(
                Thought, st.sampled_from(["", "hm"]), st.sampled_from(["", "s", "redacted:d"])
            )
            content: list[Any] = draw(st.lists(TEXTS | thought, max_size=3))
            n_uses = draw(st.integers(0 if content else 1, 2))
            uses = [use(f"c{n_calls + i}", **draw(ARGUMENTS)) for i in range(n_uses)]
            n_calls += n_uses
            messages.append(FromAssistant((*content, *uses)))
            if not uses:
                break
            messages.append(
                FromTools(
                    tuple(
                        result(item.call_id, *draw(st.lists(MEDIA, max_size=2)), is_error=draw(st.booleans()))
                        for item in uses
                    )
                )
            )
    if isinstance(messages[-1], FromAssistant):
        messages.append(HELLO)
    return tuple(messages)


@given(histories(), st.sampled_from([SEEING, BLIND]))
def test_every_chat_request_is_legal(messages: tuple[ChatMessage, ...], model: ModelInfo) -> None:
    body = json.loads(dump(chat(*messages, model=model, tools=(READ, LS))), parse_constant=no_constant)
    system, *sent = body["messages"]
    assert system["role"] == "system"
    assert sent[0]["role"] == "user"
    open_calls: list[str] = []
    seen: set[str] = set()
    for message in sent:
        if message["role"] == "tool":
            assert message["tool_call_id"] in open_calls
            open_calls.remove(message["tool_call_id"])
            assert message["content"].strip()
            continue
        assert open_calls == []
        for call in message.get("tool_calls", []):
            assert call["id"] not in seen
            seen.add(call["id"])
            open_calls.append(call["id"])
            assert isinstance(json.loads(call["function"]["arguments"], parse_constant=no_constant), dict)
        content: Any = message["content"]
        if not isinstance(content, str | None):
            assert_content(content)
            assert content
        else:
            assert (content or "").strip() or message["tool_calls"]
    assert open_calls == []
    assert_tools(tool["function"] for tool in body["tools"])


@given(histories(), st.sampled_from([SEEING, BLIND]), st.sampled_from([None, 2000]))
def test_every_messages_request_is_legal(
    messages: tuple[ChatMessage, ...], model: ModelInfo, budget: int | None
) -> None:
    body = json.loads(
        dump(claude(*messages, model=model, tools=(READ, LS), budget=budget)), parse_constant=no_constant
    )
    sent = body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant"] * (len(sent) // 2) + ["user"]
    open_calls: list[str] = []
    seen: set[str] = set()
    for message in sent:
        assert message["content"]
        blocks = list(message["content"])
        if message["role"] == "user":
            while open_calls:
                block = blocks.pop(0)
                assert block["type"] == "tool_result"
                assert_content(block["content"])
                open_calls.remove(block["tool_use_id"])
            assert_content(blocks)
            continue
        for block in blocks:
            if block["type"] == "tool_use":
                assert block["id"] not in seen
                seen.add(block["id"])
                open_calls.append(block["id"])
                assert isinstance(block["input"], dict)
            elif block["type"] == "thinking":
                assert "thinking" in body
                assert block["signature"]
            elif block["type"] != "redacted_thinking":
                assert_content([block])
    assert json.dumps(body).count("cache_control") == 3
    assert ("thinking" in body) <= (budget is not None and model.thinks)
    assert_tools(body["tools"], schema="input_schema")


def assert_content(blocks: list[dict[str, Any]]) -> None:
    for block in blocks:
        assert block["type"] in ("image", "image_url") or block["text"].strip()


def assert_tools(tools: Any, schema: str = "parameters") -> None:
    tools = list(tools)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", tool["name"]) for tool in tools)
    assert all(tool[schema]["type"] == "object" for tool in tools)
    assert len({tool["name"] for tool in tools}) == len(tools)


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")
