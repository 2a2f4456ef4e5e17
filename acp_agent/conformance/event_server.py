"""An MCP server over HTTP with server-sent events: answers come over a stream that was opened before."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import object_at, text_at
from acp_agent.conformance.servers import answer_of, read_head, respond

_POSTS = "/posts"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n"


class EventProbe:
    """The server of one agent.

    `entry` is its place in `mcpServers`; `headers` and `frames` are what reached it.
    """

    def __init__(self, url: str) -> None:
        self.entry: JsonObject = {
            "type": "sse",
            "name": "events",
            "url": f"{url}/events",
            "headers": [{"name": "X-Conformance", "value": "marked"}],
        }
        self.headers: list[dict[str, str]] = []
        self.frames: list[JsonObject] = []
        self._stream: SocketStream | None = None

    def methods(self) -> list[str]:
        """The methods of all messages, in their order."""
        return [text_at(frame, "method") for frame in self.frames]

    async def serve(self, stream: SocketStream) -> None:
        """Serve one connection: the stream, or posts."""
        reader = BufferedByteReceiveStream(stream)
        async with stream:
            try:
                while True:
                    await self._serve_one(reader, stream)
            except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                return  # the agent is done with this connection

    async def _serve_one(self, reader: BufferedByteReceiveStream, stream: SocketStream) -> None:
        request, headers = await read_head(reader)
        body = await reader.receive_exactly(int(headers.get("content-length", "0")))
        self.headers.append(headers)
        if request.startswith("GET"):
            self._stream = stream
            return await stream.send(_HEAD + b"event: endpoint\ndata: " + _POSTS.encode() + b"\n\n")
        if not request.startswith(f"POST {_POSTS}") or self._stream is None:
            return await respond(stream, "405 Method Not Allowed", b"")
        frame = object_at(jsontext.load(body))
        self.frames.append(frame)
        await respond(stream, "202 Accepted", b"")
        if "id" in frame:
            answer = jsontext.dump({"jsonrpc": "2.0", "id": frame["id"], **answer_of(frame)})
            await self._stream.send(b"event: message\ndata: " + answer + b"\n\n")


@asynccontextmanager
async def open_event_probe() -> AsyncGenerator[EventProbe, None]:
    """A server on loopback until the block ends."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        probe = EventProbe(f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, probe.serve)
            yield probe
            tasks.cancel_scope.cancel()
