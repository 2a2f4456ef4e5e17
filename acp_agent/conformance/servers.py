"""MCP servers that write down what reaches them: one over standard streams, one over HTTP on loopback."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.reach import object_at, text_at

TOOL = "conformance_echo"
"""The tool every probe offers; it gives its text back."""

SLOW_TOOL = "conformance_wait"
"""The tool that never answers."""

_MAX_HEAD_BYTES = 64 * 1024
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


class HttpProbe:
    """A server over HTTP.

    `entry` is its place in `mcpServers`; `headers` and `frames` are what reached it.
    """

    def __init__(self, url: str) -> None:
        self.entry: JsonObject = {
            "type": "http",
            "name": "web",
            "url": url,
            "headers": [{"name": "X-Conformance", "value": "marked"}],
        }
        self.headers: list[dict[str, str]] = []
        self.frames: list[JsonObject] = []

    async def serve(self, stream: SocketStream) -> None:
        """Answer every request of one connection."""
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
        if not request.startswith("POST"):
            return await respond(stream, "405 Method Not Allowed", b"")
        frame = object_at(jsontext.load(body))
        self.headers.append(headers)
        self.frames.append(frame)
        if "id" not in frame:
            return await respond(stream, "202 Accepted", b"")
        answer: JsonObject = {"jsonrpc": "2.0", "id": frame["id"], **answer_of(frame)}
        return await respond(stream, "200 OK", jsontext.dump(answer))


@asynccontextmanager
async def open_http_probe() -> AsyncGenerator[HttpProbe, None]:
    """A server on loopback until the block ends."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        probe = HttpProbe(f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/mcp")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, probe.serve)
            yield probe
            tasks.cancel_scope.cancel()


def answer_of(frame: JsonObject) -> JsonObject:
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


async def read_head(reader: BufferedByteReceiveStream) -> tuple[str, dict[str, str]]:
    """The first line of an HTTP request, and its headers with names in lower case."""
    head = (await reader.receive_until(b"\r\n\r\n", _MAX_HEAD_BYTES)).decode("latin-1")
    request, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return request, {name.strip().lower(): value.strip() for name, _, value in pairs}


async def respond(stream: SocketStream, status: str, body: bytes) -> None:
    """Write a whole HTTP response; a body is JSON."""
    kind = "Content-Type: application/json\r\n" if body else ""
    head = f"HTTP/1.1 {status}\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    await stream.send(head.encode("latin-1") + body)
