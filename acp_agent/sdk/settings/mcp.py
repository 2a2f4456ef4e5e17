"""`[mcp_servers]` as the servers a session connects to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from acp_agent.base.errors import ConfigError
from acp_agent.model.mcp import HttpServer, McpServer, StdioServer
from acp_agent.sdk.settings.file import McpServerTable


def configured_servers(tables: Mapping[str, McpServerTable]) -> tuple[McpServer, ...]:
    """The servers, in the order of the file.

    Raises:
        ConfigError: one has neither a command nor a URL, both, or settings of the other kind.
    """
    return tuple(_server(name, table) for name, table in tables.items())


def _server(name: str, table: McpServerTable) -> McpServer:
    key = f"mcp_servers.{name}"
    if (table.command is None) == (table.url is None):
        raise ConfigError(f"`{key}`: expected either `command` or `url`")
    if table.command is not None:
        if table.headers or table.type not in (None, "stdio"):
            raise ConfigError(f"`{key}`: `headers` and `type` belong to a server with `url`")
        env = tuple((variable, value.reveal()) for variable, value in table.env.items())
        return StdioServer(name, table.command, table.args, env)
    if table.args or table.env or table.type == "stdio":
        raise ConfigError(f"`{key}`: `args` and `env` belong to a server with `command`")
    if table.url is None or not table.url.startswith(("http://", "https://")):
        raise ConfigError(f"`{key}.url`: is not an http or https URL")
    headers = tuple((header, value.reveal()) for header, value in table.headers.items())
    transport: Literal["http", "sse"] = "sse" if table.type == "sse" else "http"
    return HttpServer(name, table.url, headers, transport)
