from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.base.ids import ToolCallId
from acp_agent.model.chat import (
    FromAssistant,
    FromTools,
    FromUser,
    ModelRequest,
    TextDelta,
    ToolResult,
    ToolUse,
)
from acp_agent.model.content import Text
from acp_agent.model.session import ModelInfo
from acp_agent.ports import Provider
from acp_agent.providers.openai import OpenAIProvider
from acp_agent.testing.model_server import serve_model
from tests.patience import PATIENCE

Connect = Callable[..., Provider]
Ask = Callable[..., Awaitable[Any]]


def text(deltas: list[Any]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def test_chat_stream_is_framed_as_the_service_does() -> None:
    async with serve_model("say: a b\nusage: 1 2") as server, httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(
            f"{server.openai_url}/chat/completions",
            json={"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]},
        )
    events = response.text.split("\n\n")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["transfer-encoding"] == "chunked"
    assert all(event.startswith("data: ") for event in events[:-1])
    assert '"object":"chat.completion.chunk"' in events[0]
    assert '"delta":{"role":"assistant","content":"","refusal":null}' in events[0]
    assert '"delta":{"content":"a"}' in events[1]
    assert '"finish_reason":"stop"' in events[3]
    assert events[4:] == ["data: [DONE]", ""]
    assert "usage" not in response.text  # naive clients look into `choices[0]` of every chunk


async def test_chat_tells_the_usage_only_if_asked() -> None:
    async with serve_model("say: a\nusage: 1 2") as server, httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(
            f"{server.openai_url}/chat/completions",
            json={"stream": True, "stream_options": {"include_usage": True}, "messages": []},
        )
    *events, told, _, _ = response.text.split("\n\n")
    assert all('"usage":null' in event for event in events)
    assert '"choices":[]' in told
    assert '"prompt_tokens":1,"completion_tokens":2,"total_tokens":3' in told


async def test_messages_stream_is_framed_as_the_service_does() -> None:
    async with serve_model("think: t\nsay: a") as server, httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(
            f"{server.anthropic_url}/v1/messages",
            json={"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]},
        )
    names = [
        line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")
    ]
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert names == [
        "message_start",
        "ping",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *block,
        "message_delta",
        "message_stop",
    ]


async def test_script_is_followed_across_steps_and_turns(service: str, connect: Connect, ask: Ask) -> None:
    script = (
        'when: look\ncall: ls {"path": "."}\n---\nsay: I saw {result}\nwhen: bye\nsay: Bye, you said {prompt}'
    )
    used = FromAssistant((ToolUse(ToolCallId("c"), "ls", {"path": "."}),))
    result = FromTools((ToolResult(ToolCallId("c"), (Text("a.txt"),)),))
    look, bye = FromUser((Text("look"),)), FromUser((Text("bye"),))
    model = ModelInfo("test/m", "M")
    async with serve_model(script) as server:
        provider = connect(service, server)
        second = await ask(provider, ModelRequest(model, "", (look, used, result)))
        third = await ask(
            provider, ModelRequest(model, "", (look, used, result, FromAssistant((Text("x"),)), bye))
        )
        merged = await ask(provider, ModelRequest(model, "", (look, used, result, bye)))
    assert text(second.deltas) == "I saw a.txt"
    assert text(third.deltas) == text(merged.deltas) == "Bye, you said bye"


async def test_exhausted_script_is_a_400(connect: Connect, ask: Ask) -> None:
    async with serve_model("when: hello\nsay: x") as server:
        answer = await ask(connect("openai", server), "bye")
    assert answer.error.status == 400
    assert "no reply number 1" in str(answer.error)


async def test_requests_are_recorded_as_they_came(connect: Connect, ask: Ask) -> None:
    async with serve_model("say: x") as server:
        await ask(connect("openai", server))
        await ask(connect("anthropic", server))
    chat, messages = server.requests
    assert (chat.path, messages.path) == ("/v1/chat/completions", "/v1/messages")
    assert chat.headers["authorization"] == "Bearer sk-very-secret-key"
    assert messages.headers["x-api-key"] == "sk-very-secret-key"
    assert messages.headers["anthropic-version"] == "2023-06-01"
    assert chat.body["model"] == "gpt-x"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/models", b"", 200),
        ("GET", "/", b"", 404),
        ("POST", "/v1/embeddings", b"{}", 404),
        ("POST", "/v1/messages", b"[]", 400),
        ("POST", "/v1/messages", b"{", 400),
        ("POST", "/v1/messages", b'{"messages": "\\ud800"}', 400),
    ],
)
async def test_other_requests_are_answered_too(method: str, path: str, body: bytes, status: int) -> None:
    async with serve_model("say: x") as server, httpx.AsyncClient(trust_env=False) as client:
        response = await client.request(method, server.url + path, content=body)
        assert response.status_code == status
        assert response.json()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000,
    ],
)
async def test_what_is_no_http_ends_its_connection_and_no_other(sent: bytes) -> None:
    async with serve_model("say: x") as server, httpx.AsyncClient(trust_env=False) as client:
        async with await anyio.connect_tcp("127.0.0.1", int(server.url.rpartition(":")[2])) as stream:
            await stream.send(sent)
            with anyio.fail_after(PATIENCE):
                answer = await stream.receive()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert (await client.get(f"{server.openai_url}/models")).status_code == 200


async def test_chunked_request_is_understood() -> None:
    async def body() -> AsyncGenerator[bytes]:
        yield b'{"stream": true, "messages": '
        yield b'[{"role": "user", "content": "hi"}]}'

    async with serve_model("say: {prompt}") as server, httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(f"{server.url}/v1/messages", content=body())
    assert "hi" in response.text


async def test_flood_arrives_whole(service: str, connect: Connect, ask: Ask) -> None:
    async with serve_model("flood: 10000") as server:
        answer = await ask(connect(service, server))
    assert sum(isinstance(delta, TextDelta) for delta in answer.deltas) == 10_000
    assert text(answer.deltas).startswith("w0 w1 ")


async def test_command_serves_a_script_file(tmp_path: Path, ask: Ask) -> None:
    path = tmp_path / "hello.script"
    path.write_text("say: hello from a file", encoding="utf-8")
    command = [sys.executable, "-m", "acp_agent.testing.model_server", "--script", str(path)]
    async with await anyio.open_process(command) as process:
        assert process.stdout is not None
        with anyio.fail_after(30):  # an interpreter has to start
            lines = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 100)
        kind, url = lines.decode().split()
        assert kind == "openai"
        provider = OpenAIProvider("test", url, None, ())
        assert text((await ask(provider)).deltas) == "hello from a file"
        await provider.aclose()
        process.kill()
