"""MCP servers: which ones a session should connect to, and what they offer besides tools.

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


class ChannelServer(msgspec.Struct, frozen=True):
    """A server that the client itself is, reached over the connection to the client by `server_id`."""

    name: str
    server_id: str


McpServer: TypeAlias = StdioServer | HttpServer | ChannelServer


class PromptArgument(msgspec.Struct, frozen=True):
    """One blank of a prompt. `description` is one line, perhaps empty."""

    name: str
    description: str = ""
    required: bool = False


class PromptInfo(msgspec.Struct, frozen=True):
    """A prompt that a server keeps ready, by the server's own name. `description` is one line."""

    name: str
    description: str = ""
    arguments: tuple[PromptArgument, ...] = ()


class ResourceInfo(msgspec.Struct, frozen=True):
    """Something a server can be asked for by its URI.

    `uri` is an RFC 6570 template, to be filled in by whoever asks, if `is_template`. Texts are one line.
    """

    uri: str
    name: str
    description: str = ""
    mime_type: str | None = None
    size_bytes: int | None = None
    is_template: bool = False
