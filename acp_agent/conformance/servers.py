"""MCP servers that write down what reaches them: over standard streams, HTTP and server-sent events."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from anyio.abc import SocketStream

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.reach import object_at, text_at
from acp_agent.testing.loopback_http import HttpRequest, respond, respond_json, response_head, serve_http

TOOL = "conformance_echo"
"""The tool every probe offers; it gives its text back."""

SLOW_TOOL = "conformance_wait"
"""The tool that never answers."""

_EVENTS = response_head(200, (("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"))) + (
    b"event: endpoint\ndata: /posts\n\n"
)
_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
}
_PROGRAM = """\
import json, os, sys
log = open(sys.argv[1], "a", encoding="utf-8", buffering=1)
log.write(json.dumps({"pid": os.getpid(), "env": os.environ.get("CONFORMANCE_MARK", "")}) + "\\n")
tools = json.loads(sys.argv[2])
for line in sys.stdin:
    frame = json.loads(line)
    log.write(json.dumps(frame) + "\\n")
    method, params = frame.get("method"), frame.get("params") or {}
    answer = {"jsonrpc": "2.0", "id": frame.get("id")}
    if "id" not in frame or params.get("name") == "conformance_wait":
        continue
    if method == "initialize":
        info = {"name": "conformance", "version": "1"}
        version = params.get("protocolVersion")
        answer["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    elif method == "tools/list":
        answer["result"] = {"tools": tools}
    elif method == "tools/call":
        text = "echo: " + str(params.get("arguments", {}).get("text"))
        answer["result"] = {"content": [{"type": "text", "text": text}], "isError": False}
    elif method == "ping":
        answer["result"] = {}
    else:
        answer["error"] = {"code": -32601, "message": "no such method"}
    print(json.dumps(answer), flush=True)
"""


class ChildProbe(msgspec.Struct, frozen=True):
    """A server an agent starts. `entry` is its place in `mcpServers`, `file` holds what reached it."""

    entry: JsonObject
    file: Path

    def seen(self) -> list[JsonObject]:
        """First who it is, for every start (`pid` and `env`, its mark), then every message."""
        if not self.file.exists():
            return []
        found = (jsontext.load(line) for line in self.file.read_bytes().splitlines())
        return [item for item in found if isinstance(item, dict)]

    def methods(self) -> list[str]:
        """The methods of all messages, in their order."""
        return [text_at(item, "method") for item in self.seen() if "method" in item]

    def pids(self) -> list[int]:
        """The processes that were started."""
        return [pid for item in self.seen() if isinstance(pid := item.get("pid"), int)]


def child_probe(folder: Path, name: str = "probe", *, mark: str = "") -> ChildProbe:
    """A server over standard streams that logs into `folder`; `mark` is put into its environment."""
    program, log = folder / "mcp_probe.py", folder / f"{name}.log"
    program.write_text(_PROGRAM, encoding="utf-8")
    arguments: list[JsonValue] = ["-S", "-E", str(program), str(log), jsontext.dump_text(_tools())]
    env: list[JsonValue] = [{"name": "CONFORMANCE_MARK", "value": mark}] if mark else []
    return ChildProbe({"name": name, "command": sys.executable, "args": arguments, "env": env}, log)


class WebProbe:
    """A server over HTTP.

    `entry` is its place in `mcpServers`; `headers` of every request and `frames` are what reached it.
    """

    def __init__(self, kind: str) -> None:
        headers: list[JsonValue] = [{"name": "X-Conformance", "value": "marked"}]
        self.entry: JsonObject = {"type": kind, "name": "web", "headers": headers}
        self.headers: list[dict[str, str]] = []
        self.frames: list[JsonObject] = []

    def methods(self) -> list[str]:
        """The methods of all messages, in their order."""
        return [text_at(frame, "method") for frame in self.frames]

    def take(self, request: HttpRequest) -> bytes:
        """Write down the message of a request; the response, which is empty for a notification."""
        frame = object_at(jsontext.load(request.body))
        self.frames.append(frame)
        if "id" not in frame:
            return b""
        return jsontext.dump({"jsonrpc": "2.0", "id": frame["id"], **_answer_of(frame)})


@asynccontextmanager
async def open_http_probe() -> AsyncGenerator[WebProbe, None]:
    """A server that answers each message where it came."""
    probe = WebProbe("http")

    async def answer(request: HttpRequest, stream: SocketStream) -> None:
        probe.headers.append(request.headers)
        if request.method != "POST":
            return await respond(stream, 405, b"")
        response = probe.take(request)
        return await (respond_json(stream, 200, response) if response else respond(stream, 202, b""))

    async with serve_http(answer) as loopback:
        probe.entry["url"] = f"{loopback.url}/mcp"
        yield probe


@asynccontextmanager
async def open_event_probe() -> AsyncGenerator[WebProbe, None]:
    """A server that answers all messages over one stream of server-sent events, opened before them."""
    probe = WebProbe("sse")
    opened: list[SocketStream] = []

    async def answer(request: HttpRequest, stream: SocketStream) -> None:
        probe.headers.append(request.headers)
        if request.method == "GET":
            opened.append(stream)
            return await stream.send(_EVENTS)
        if request.method != "POST" or not opened:
            return await respond(stream, 405, b"")
        response = probe.take(request)
        await respond(stream, 202, b"")
        if response:
            await opened[-1].send(b"event: message\ndata: " + response + b"\n\n")

    async with serve_http(answer) as loopback:
        probe.entry["url"] = f"{loopback.url}/events"
        yield probe


def _answer_of(frame: JsonObject) -> JsonObject:
    """The result or error of a request."""
    match frame.get("method"):
        case "initialize":
            return {
                "result": {
                    "protocolVersion": text_at(frame, "params", "protocolVersion"),
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "conformance", "version": "1"},
                }
            }
        case "tools/list":
            return {"result": {"tools": _tools()}}
        case "tools/call":
            text = "echo: " + text_at(frame, "params", "arguments", "text")
            return {"result": {"content": [{"type": "text", "text": text}], "isError": False}}
        case "ping":
            return {"result": {}}
        case _:
            return {"error": {"code": -32601, "message": "no such method"}}


def _tools() -> list[JsonValue]:
    return [
        {"name": name, "description": "Gives its text back.", "inputSchema": _SCHEMA}
        for name in (TOOL, SLOW_TOOL)
    ]
