"""Which MCP servers a session should connect to, as its client configured them.

Environment values, header values and URLs may be secrets: none of them is part of a `repr`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class StdioServer(msgspec.Struct, frozen=True):
    """A server started as a child process. `env` is added to a minimal safe environment."""

    name: str
    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"StdioServer(name={self.name!r}, command={self.command!r})"


class HttpServer(msgspec.Struct, frozen=True):
    """A server reached over HTTP; `transport` is `http` for Streamable HTTP, `sse` for the older one."""

    name: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    transport: Literal["http", "sse"] = "http"

    def __repr__(self) -> str:
        return f"HttpServer(name={self.name!r}, transport={self.transport!r})"


McpServer: TypeAlias = StdioServer | HttpServer
