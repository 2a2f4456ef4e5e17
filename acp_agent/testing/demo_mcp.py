"""A small MCP server for trying things out.

    python -m acp_agent.testing.demo_mcp [--http PORT | --sse PORT]

Speaks over stdin and stdout, or over HTTP on loopback; port 0 picks a free one. The URL is then the only
line on stdout.
"""

from __future__ import annotations

import argparse
import base64
import os
import socket
import struct
import sys
import zlib

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts import Prompt
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ImageContent,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
    ToolAnnotations,
)
from pydantic import BaseModel
from starlette.applications import Starlette

_READS_ONLY = ToolAnnotations(read_only_hint=True)


class Name(BaseModel):
    """What `greet` asks for."""

    name: str


def demo_server() -> MCPServer:
    """The server, not yet connected to anything."""
    server = MCPServer("demo")

    @server.tool(annotations=_READS_ONLY)
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def echo(text: str) -> str:
        """Return the text."""
        return text

    @server.tool()
    async def slow(seconds: float) -> str:
        """Answer after some seconds."""
        await anyio.sleep(seconds)
        return "done"

    @server.tool()
    def die() -> str:
        """End the server in the middle of this call, with exit code 3."""
        sys.stderr.write("demo server: dying as asked\n")
        sys.stderr.flush()
        os._exit(3)

    @server.tool(structured_output=False)
    def picture() -> ImageContent:
        """Return a red dot as a PNG image."""
        return ImageContent(data=base64.b64encode(_red_dot()).decode(), mime_type="image/png")

    @server.tool()
    def fail() -> str:
        """Answer with an error."""
        raise ToolError("failed as asked")

    _add_talk(server)
    _add_texts(server)
    return server


def _add_talk(server: MCPServer) -> None:
    """Tools that say or ask something while they run."""

    @server.tool()
    async def count(to: int, context: Context) -> str:
        """Count up to a number and report on the way."""
        for number in range(1, to + 1):
            await context.report_progress(number, to, f"counting {number}")
        return f"counted to {to}"

    @server.tool()
    async def greet(context: Context) -> str:
        """Ask the user for a name and greet them."""
        answer = await context.elicit("Who are you?", Name)
        return f"hello {answer.data.name}" if answer.action == "accept" else f"no name: {answer.action}"

    @server.tool()
    async def think(context: Context) -> str:
        """Ask the agent's model, which agents need not allow."""
        question = SamplingMessage(role="user", content=TextContent(text="What is 6 by 7?"))
        request = CreateMessageRequest(params=CreateMessageRequestParams(messages=[question], max_tokens=10))
        answer = await context.session.send_request(request, CreateMessageResult)
        return str(answer.content)

    @server.tool()
    async def roots(context: Context) -> str:
        """List the directories the agent may touch."""
        found = await context.session.send_request(ListRootsRequest(), ListRootsResult)
        return " ".join(str(root.uri) for root in found.roots)

    @server.tool()
    async def learn(word: str, context: Context) -> str:
        """Add a tool and a prompt of that name."""

        def learned() -> str:
            return f"{word}!"

        server.add_tool(learned, name=word, description="Say the word.")
        server.add_prompt(Prompt.from_function(learned, name=word))
        await context.notify_tools_changed()  # for those who subscribed, as the newer protocol has it
        await context.notify_prompts_changed()
        await context.session.send_tool_list_changed()  # for everybody, as the older one has it
        await context.session.send_prompt_list_changed()
        return f"learned {word}"


def _add_texts(server: MCPServer) -> None:
    """Resources and prompts."""

    @server.resource("demo://motto", mime_type="text/plain")
    def motto() -> str:
        """The server's motto."""
        return "small is beautiful"

    @server.resource("demo://dot", mime_type="image/png")
    def dot() -> bytes:
        """A red dot."""
        return _red_dot()

    @server.resource("demo://squares/{number}")
    def square(number: int) -> str:
        """The square of a number."""
        return str(int(number) ** 2)

    @server.prompt()
    def review(language: str, focus: str = "errors") -> str:
        """Review some code."""
        return f"Review this {language} code for {focus}."


def _red_dot() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _serve(application: Starlette, path: str, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listener:
        sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}{path}\n")
        sys.stdout.flush()
        uvicorn.Server(uvicorn.Config(application, log_level="warning")).run(sockets=[listener])


def main() -> None:
    """Serve until stdin closes, or over HTTP until killed."""
    parser = argparse.ArgumentParser(prog="demo_mcp", description="A small MCP server.")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--http", type=int, metavar="PORT", help="serve Streamable HTTP on loopback")
    way.add_argument("--sse", type=int, metavar="PORT", help="serve HTTP with server-sent events")
    arguments = parser.parse_args()
    server = demo_server()
    if arguments.http is not None:
        _serve(server.streamable_http_app(), "/mcp", arguments.http)
    elif arguments.sse is not None:
        _serve(server.sse_app(), "/sse", arguments.sse)
    else:
        server.run("stdio")


if __name__ == "__main__":
    main()
