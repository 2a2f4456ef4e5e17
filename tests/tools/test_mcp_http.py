"""MCP servers over HTTP that answer too much, compressed, or from elsewhere."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.abc
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.model.mcp import HttpServer
from acp_agent.ports import ServerContext
from acp_agent.tools.mcp.server import McpSource
from tests.tools.mcp_stage import CONTEXT, offered, running, said

Stream: TypeAlias = anyio.abc.ByteStream
Answer: TypeAlias = Callable[[Stream, Any], Awaitable[None]]

HELLO: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "s", "version": "1"},
}
TOOLS = {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}


def result(message_id: Any, value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": message_id, "result": value}).encode()


async def reply(stream: Stream, body: bytes, *headers: str, kind: str = "application/json") -> None:
    lines = ("HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", "")
    await stream.send("\r\n".join(lines).encode() + body)


@asynccontextmanager
async def serving(call: Answer, cwd: Path, *headers: tuple[str, str]) -> AsyncGenerator[McpSource]:
    """A source over a server with one tool `t`, whose calls `call` answers on the connection."""

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            received = b""
            try:
                while True:
                    while b"\r\n\r\n" not in received:
                        received += await stream.receive()
                    head, _, received = received.partition(b"\r\n\r\n")
                    sizes = [
                        int(line[15:])
                        for line in head.split(b"\r\n")
                        if line[:15].lower() == b"content-length:"
                    ]
                    while len(received) < sum(sizes):
                        received += await stream.receive()
                    body, received = received[: sum(sizes)], received[sum(sizes) :]
                    await respond(stream, json.loads(body or b"{}"))
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return

    async def respond(stream: Stream, message: Any) -> None:
        match message.get("method"):
            case "initialize":
                await reply(stream, result(message["id"], HELLO))
            case "tools/list":
                await reply(stream, result(message["id"], TOOLS))
            case "tools/call":
                await call(stream, message["id"])
            case _:
                await stream.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            source = McpSource(HttpServer("far", f"http://127.0.0.1:{port}/mcp", headers), ServerContext(cwd))
            async with running(source):
                assert source.failure is None
                yield source
            tasks.cancel_scope.cancel()


def text(value: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": value}]}


async def test_an_answer_without_an_end_fails_that_call_alone(tmp_path: Path) -> None:
    calls: list[int] = []

    async def call(stream: Stream, message_id: Any) -> None:
        calls.append(1)
        if len(calls) > 1:
            await reply(stream, result(message_id, text("fine")))
            return
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            await stream.send(b" " * 1_000_000)

    async with serving(call, tmp_path) as source:
        with pytest.raises(ToolError, match="longer than 33554432 bytes"):
            await offered(source, "t").run({}, CONTEXT)
        assert await said(source, "t", {}) == "fine"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("application/json", "compressed, which was not asked"),
        ("text/event-stream", "ended without a response"),
    ],
)
async def test_what_is_compressed_unasked_is_not_unpacked(kind: str, reason: str, tmp_path: Path) -> None:
    async def call(stream: Stream, message_id: Any) -> None:
        body = result(message_id, text("x" * 1_000_000))
        event = b"data: " + body + b"\n\n" if kind == "text/event-stream" else body
        await reply(stream, gzip.compress(event), "Content-Encoding: gzip", kind=kind)

    async with serving(call, tmp_path) as source:
        with pytest.raises(ToolError, match=f"`far`.*{reason}"):
            await offered(source, "t").run({}, CONTEXT)
        assert source.failure is None


async def test_a_large_answer_may_come_as_an_event(tmp_path: Path) -> None:
    async def call(stream: Stream, message_id: Any) -> None:
        body = b"data: " + result(message_id, text("x" * 3_000_000)) + b"\n\n"
        await reply(stream, body, kind="text/event-stream")

    async with serving(call, tmp_path) as source:
        assert (await said(source, "t", {})).startswith("x" * 100_000)


async def test_a_redirect_takes_no_token_elsewhere(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def listen(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            heard.append(await stream.receive())

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as elsewhere:
        port = elsewhere.extra(anyio.abc.SocketAttribute.local_port)

        async def call(stream: Stream, message_id: Any) -> None:
            await stream.send(
                b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%d/mcp\r\nContent-Length: 0\r\n\r\n" % port
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(elsewhere.serve, listen)
            async with serving(call, tmp_path, ("Authorization", "Bearer tip-top")) as source:
                with pytest.raises(ToolError, match="Redirect") as caught:
                    await offered(source, "t").run({}, CONTEXT)
                assert "tip-top" not in str(caught.value)
            tasks.cancel_scope.cancel()
    assert heard == []
