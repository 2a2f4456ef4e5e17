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
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ImageContent, ToolAnnotations
from starlette.applications import Starlette

_READS_ONLY = ToolAnnotations(read_only_hint=True)


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

    return server


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
