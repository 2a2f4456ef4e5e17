"""HTTP/1.1 on loopback, for servers that play a part in tests and write every byte of an answer themselves.

async with serve_http(answer) as loopback:
    print(loopback.url)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import TypeAlias

import anyio
import msgspec
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

_MAX_HEAD_BYTES = 64 * 1024
_MAX_SIZE_LINE_BYTES = 100

Headers: TypeAlias = tuple[tuple[str, str], ...]


class HttpRequest(msgspec.Struct, frozen=True):
    """One request as it came; header names are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer: TypeAlias = Callable[[HttpRequest, SocketStream], Awaitable[None]]
"""Writes the whole answer to a request; the requests of a connection are answered one after another."""


class HangUp(Exception):
    """Raised by an answer to end the connection."""


_GONE = (
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    HangUp,
)
"""How a connection ends."""


class Loopback:
    """A running server: its URL without a path, and how often a client connected."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.n_connections = 0


@asynccontextmanager
async def serve_http(answer: Answer, *, port: int = 0) -> AsyncGenerator[Loopback, None]:
    """Serve until the block ends. What is no HTTP gets status 400 and the end of its connection."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port) as listener:
        loopback = Loopback(listener.extra(SocketAttribute.local_port))

        async def serve(stream: SocketStream) -> None:
            loopback.n_connections += 1
            reader = BufferedByteReceiveStream(stream)
            async with stream:
                with suppress(*_GONE):
                    while True:
                        try:
                            request = await _read(reader)
                        except (ValueError, anyio.DelimiterNotFound):
                            return await respond(stream, 400, b"", (("Connection", "close"),))
                        await answer(request, stream)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            yield loopback
            tasks.cancel_scope.cancel()


def response_head(status: int, headers: Headers) -> bytes:
    """The first lines of an answer, up to its body."""
    known = status in HTTPStatus.__members__.values()
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase if known else ''}"
    lines = [first, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


async def respond(stream: SocketStream, status: int, body: bytes, headers: Headers = ()) -> None:
    """Write a whole answer."""
    await stream.send(response_head(status, (*headers, ("Content-Length", str(len(body))))) + body)


async def respond_json(stream: SocketStream, status: int, body: bytes, headers: Headers = ()) -> None:
    """Write a whole answer that is a JSON document."""
    await respond(stream, status, body, (("Content-Type", "application/json"), *headers))


async def _read(reader: BufferedByteReceiveStream) -> HttpRequest:
    """The next request of a connection.

    Raises:
        ValueError, DelimiterNotFound: it is none.
    """
    head = (await reader.receive_until(b"\r\n\r\n", _MAX_HEAD_BYTES)).decode("latin-1")
    request_line, *lines = head.split("\r\n")
    method, target, _ = request_line.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return HttpRequest(method, target, headers, await _read_body(reader, headers))


async def _read_body(reader: BufferedByteReceiveStream, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.receive_exactly(int(headers.get("content-length", "0")))
    body = bytearray()
    while True:
        size_line = await reader.receive_until(b"\r\n", _MAX_SIZE_LINE_BYTES)
        size = int(size_line.partition(b";")[0], 16)
        body += await reader.receive_exactly(size)
        await reader.receive_exactly(2)
        if not size:
            return bytes(body)
