"""A model service on loopback that plays scripts, framed byte for byte as the real services do.

    async with serve_model("say: Hello!") as server:
        provider = OpenAIProvider("test", server.openai_url, None, models)

It speaks OpenAI's Chat Completions and Responses, Anthropic's Messages and Google's Gemini: streams over
HTTP/1.1 with one chunk per event, and whole documents for clients that do not stream. Any agent can be
pointed at it: `python -m acp_agent.testing.model_server --script FILE` prints its URLs.
The script format is described in `acp_agent.providers.script`.
"""

from __future__ import annotations

import argparse
import re
import socket
import struct
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias, assert_never
from urllib.parse import parse_qs, urlsplit

import anyio
from anyio.abc import SocketAttribute, SocketStream

from acp_agent.base.jsontext import InvalidJson, JsonObject, dump, load
from acp_agent.providers.script import (
    Break,
    Call,
    Document,
    Flood,
    Raw,
    Refuse,
    Reply,
    Say,
    Script,
    Think,
    filled,
    parse_script,
    words,
)
from acp_agent.testing.gemini_frames import GeminiDialect
from acp_agent.testing.loopback_http import (
    HangUp,
    HttpRequest,
    Loopback,
    respond,
    respond_json,
    response_head,
    serve_http,
)
from acp_agent.testing.model_frames import ChatDialect, Dialect, MessagesDialect
from acp_agent.testing.model_requests import RecordedRequest, Service, messages_of
from acp_agent.testing.responses_frames import ResponsesDialect

_SERVICES: dict[str, Service] = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
}
_GEMINI_PATH = re.compile(r"/v1(?:alpha|beta)?/models/([^/:]+):(?:streamG|g)enerateContent")
_WRITE_BYTES = 64 * 1024


Handler: TypeAlias = Callable[[RecordedRequest], Reply]
"""Decides the reply to each request, in the order they arrive."""


class ModelServer:
    """A running server: its URLs, what it was asked; `abandoned` is set once a client left a reply early."""

    def __init__(self, loopback: Loopback) -> None:
        self.url = loopback.url
        self.openai_url = f"{self.url}/v1"
        self.anthropic_url = self.url
        self.gemini_url = self.url
        self.requests: list[RecordedRequest] = []
        self.abandoned = anyio.Event()
        self._loopback = loopback

    @property
    def n_connections(self) -> int:
        """How often a client connected."""
        return self._loopback.n_connections


@asynccontextmanager
async def serve_model(
    script: Script | str | Handler, *, port: int = 0, chunk_bytes: int | None = None
) -> AsyncGenerator[ModelServer, None]:
    """Serve until the block ends. `chunk_bytes` cuts streams into HTTP chunks of that size, not into events.

    Raises:
        ConfigError: the script cannot be understood.
    """
    if isinstance(script, str):
        script = parse_script(script)
    handler = _player(script) if isinstance(script, Script) else script
    failures: dict[Reply, int] = {}

    async def answer(request: HttpRequest, stream: SocketStream) -> None:
        try:
            await _Exchange(server, handler, failures, stream, chunk_bytes).answer(request)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            server.abandoned.set()
            raise

    async with serve_http(answer, port=port) as loopback:
        server = ModelServer(loopback)
        yield server


def in_order(*replies: str) -> Handler:
    """A handler that gives each request the next of these one-reply scripts; the last one again and again."""
    parsed = [parse_script(text).branches[0].replies[0] for text in replies]

    def handler(_: RecordedRequest) -> Reply:
        return parsed.pop(0) if len(parsed) > 1 else parsed[0]

    return handler


def _player(script: Script) -> Handler:
    def handler(request: RecordedRequest) -> Reply:
        reply = script.reply(request.prompt, request.n_answered)
        return reply or Reply((Refuse(400, f"the script has no reply number {request.n_answered + 1}"),))

    return handler


class _Exchange:
    """One request and its answer, which is a stream or a document, as asked."""

    def __init__(
        self,
        server: ModelServer,
        handler: Handler,
        failures: dict[Reply, int],
        stream: SocketStream,
        chunk_bytes: int | None,
    ) -> None:
        self._server = server
        self._handler = handler
        self._failures = failures
        self._stream = stream
        self._chunk_bytes = chunk_bytes
        self._streams = False
        self._streaming = False

    async def answer(self, http: HttpRequest) -> None:
        url = urlsplit(http.target)  # a client behind a proxy sends the whole one
        if http.method == "GET" and url.path == "/v1/models":
            models: JsonObject = {"object": "list", "data": [{"id": "script", "object": "model"}]}
            return await respond_json(self._stream, 200, dump(models))
        service = _service(url.path) if http.method == "POST" else None
        if service is None:
            error: JsonObject = {"error": {"message": f"no {url.path} here"}}
            return await respond_json(self._stream, 404, dump(error))
        body = _body(http)
        request = RecordedRequest(url.path, http.headers, body or {}, messages_of(service, body or {}))
        if service == "gemini":
            self._streams = parse_qs(url.query).get("alt") == ["sse"]
            is_odd = self._streams != (":stream" in url.path)  # the service streams one list then
        else:
            self._streams = request.body.get("stream") is True
            is_odd = False
        if body is None or is_odd:
            problem = "this is not streamed without `alt=sse`" if is_odd else "the body is no JSON object"
            refusal = _dialect(service, request, Reply(()), 0).error_body(400, problem)
            return await respond_json(self._stream, 400, refusal)
        self._server.requests.append(request)
        return await self._play(self._handler(request), request, service)

    async def _play(self, reply: Reply, request: RecordedRequest, service: Service) -> None:
        dialect = _dialect(service, request, reply, len(self._server.requests))
        n_calls = 0
        for act in reply.acts:
            match act:
                case Refuse(status, message, times):
                    if times is not None and self._failures.get(reply, 0) >= times:
                        continue
                    self._failures[reply] = self._failures.get(reply, 0) + 1
                    if self._streaming:
                        await self._send([dialect.error_frame(status, message)])
                        await self._end_stream()
                    else:
                        body = dialect.error_body(status, message)
                        await respond_json(self._stream, status, body, reply.headers)
                    return
                case Document(content_type, text):
                    headers = (("Content-Type", content_type), *reply.headers)
                    await respond(self._stream, 200, text.encode(), headers)
                    return
                case Break("wait"):
                    if reply.acts[0] is not act:
                        await self._begin_stream(reply, dialect)
                    await self._wait_until_client_leaves()
                case Break("reset"):
                    await self._reset()
                case Break():
                    await self._begin_stream(reply, dialect)
                    raise HangUp
                case Raw(text):
                    await self._begin_stream(reply, None)
                    await self._send([text.encode()])
                case Think(text):
                    await self._begin_stream(reply, dialect)
                    await self._send(dialect.thinking(words(_filled(text, request))))
                case Say(text):
                    await self._begin_stream(reply, dialect)
                    await self._send(dialect.text(words(_filled(text, request))))
                case Flood(n_deltas):
                    await self._begin_stream(reply, dialect)
                    await self._send_at_once(dialect.text(f"w{number} " for number in range(n_deltas)))
                case Call(name, arguments):
                    await self._begin_stream(reply, dialect)
                    call_id = f"call_{len(self._server.requests)}_{n_calls}"
                    n_calls += 1
                    await self._send(dialect.call(call_id, name, arguments))
                case _:
                    assert_never(act)
        if not self._streams:
            whole = dialect.document(reply.finish_reason, reply.usage)
            return await respond_json(self._stream, 200, whole, reply.headers)
        if not (reply.acts and all(isinstance(act, Raw) for act in reply.acts)):
            await self._begin_stream(reply, dialect)
            await self._send(dialect.closing(reply.finish_reason, reply.usage))
        return await self._end_stream()

    async def _begin_stream(self, reply: Reply, dialect: Dialect | None) -> None:
        """The head of the answer, once; and its first events, unless raw bytes take their place."""
        if self._streaming or not self._streams:
            return
        self._streaming = True
        headers = (("Content-Type", "text/event-stream; charset=utf-8"), ("Transfer-Encoding", "chunked"))
        names = {name.lower() for name, _ in reply.headers}
        await self._stream.send(
            response_head(200, (*(item for item in headers if item[0].lower() not in names), *reply.headers))
        )
        if dialect is not None:
            await self._send(dialect.opening())

    async def _send(self, frames: list[bytes]) -> None:
        """Each frame as one chunk in one write, as services do that flush after every event."""
        if not self._streams:
            return
        if self._chunk_bytes is not None:
            content = b"".join(frames)
            size = self._chunk_bytes
            frames = [content[start : start + size] for start in range(0, len(content), size)]
        for frame in frames:
            await self._stream.send(_chunk(frame))

    async def _send_at_once(self, frames: list[bytes]) -> None:
        """Each frame as one chunk, many chunks in one write."""
        if not self._streams:
            return
        content = b"".join(map(_chunk, frames))
        for start in range(0, len(content), _WRITE_BYTES):
            await self._stream.send(content[start : start + _WRITE_BYTES])

    async def _end_stream(self) -> None:
        await self._stream.send(b"0\r\n\r\n")

    async def _wait_until_client_leaves(self) -> None:
        try:
            await self._stream.receive()
        except anyio.EndOfStream:
            self._server.abandoned.set()
        raise HangUp

    async def _reset(self) -> None:
        """Close so that the client sees a connection reset, not an end."""
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self._stream.extra(SocketAttribute.raw_socket).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise HangUp


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _filled(template: str, request: RecordedRequest) -> str:
    return filled(template, prompt=request.prompt, result=request.result)


def _service(path: str) -> Service | None:
    return "gemini" if _GEMINI_PATH.fullmatch(path) else _SERVICES.get(path)


def _body(http: HttpRequest) -> JsonObject | None:
    """The JSON object in a request, if it is one."""
    try:
        body = load(http.body)
    except InvalidJson:
        return None
    return body if isinstance(body, dict) else None


def _dialect(service: Service, request: RecordedRequest, reply: Reply, number: int) -> Dialect:
    model = str(request.body.get("model", ""))
    match service:
        case "chat":
            return ChatDialect(request.body, number)
        case "messages":
            return MessagesDialect(model, number, reply.usage)
        case "responses":
            return ResponsesDialect(request.body, number)
        case "gemini":
            found = _GEMINI_PATH.fullmatch(request.path)
            return GeminiDialect(found[1] if found else model, number)


async def _serve(script: str, port: int) -> None:
    async with serve_model(script, port=port) as server:
        urls = {"openai": server.openai_url, "anthropic": server.anthropic_url, "gemini": server.gemini_url}
        sys.stdout.write("".join(f"{name} {url}\n" for name, url in urls.items()))
        sys.stdout.flush()
        await anyio.sleep_forever()


def main() -> None:
    """Serve the script named on the command line until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m acp_agent.testing.model_server")
    parser.add_argument("--script", type=Path, required=True, help="what the model says")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 chooses one")
    args = parser.parse_args()
    try:
        anyio.run(_serve, args.script.read_text(encoding="utf-8"), args.port)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
