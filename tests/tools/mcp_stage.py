"""What tests of MCP sources share: servers of a few lines, the demo server, and waiting for them."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import cast

import anyio

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Text
from acp_agent.model.mcp import StdioServer
from acp_agent.ports import Tool, ToolContext, Workspace
from acp_agent.tools.mcp.server import McpSource

DEMO = ("-m", "acp_agent.testing.demo_mcp")

CONTEXT = ToolContext(cast("Workspace", None), SessionId("s"), ToolCallId("c"), lambda patch: None)

RAW_SERVER = """
import json, os, signal, subprocess, sys, time

def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

def tool(name, **more):
    return {"name": name, "inputSchema": {"type": "object"}, **more}

def text(value):
    return {"content": [{"type": "text", "text": value}]}

def serve(tools, call=None, other=lambda message: None, capabilities={"tools": {"listChanged": True}}):
    for line in sys.stdin:
        message = json.loads(line)
        method, params = message.get("method"), message.get("params", {})
        result = None
        if method == "initialize":
            result = {
                "protocolVersion": params["protocolVersion"],
                "capabilities": capabilities,
                "serverInfo": {"name": "raw", "version": "1"},
            }
        elif method == "tools/list":
            result = {"tools": tools} if isinstance(tools, list) else tools(params)
        elif method == "tools/call":
            result = call(params["name"], params.get("arguments"))
        else:
            other(message)
        if result is not None:
            kind = "error" if "code" in result else "result"
            send(id=message["id"], **{kind: result})
"""


def raw(program: str, **env: str) -> StdioServer:
    """A server of a few lines that may call `serve` of `RAW_SERVER`, or break every rule."""
    return StdioServer("raw", sys.executable, ("-c", RAW_SERVER + program), tuple(env.items()))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a fact of the world outside, which sets no event here."""
    while not condition():  # noqa: ASYNC110
        await anyio.sleep(0.01)


@asynccontextmanager
async def running(source: McpSource) -> AsyncGenerator[dict[str, Tool]]:
    """The source's tools by their full names, while it runs."""
    with anyio.fail_after(30):  # a cold import of the SDK and a child's start, on a busy machine
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(source.run)
            await source.wait_settled()
            yield {tool.spec.name: tool for tool in source.tools()}
            tasks.cancel_scope.cancel()


async def settled(source: McpSource) -> str | None:
    """Why the source offers nothing."""
    async with running(source):
        return source.failure


def offered(source: McpSource, name: str) -> Tool:
    """The tool of that name in its server."""
    return next(tool for tool in source.tools() if tool.spec.name == f"mcp__{source.name}__{name}")


async def said(source: McpSource, name: str, args: JsonObject, context: ToolContext = CONTEXT) -> str:
    """The text that a tool answers with."""
    (part,) = (await offered(source, name).run(args, context)).for_model
    assert isinstance(part, Text)
    return part.text
