"""MCP servers as clients name them, and what they are in the engine's words."""

from __future__ import annotations

from typing import Annotated, Literal

from acp_agent.model import mcp
from acp_agent.rpc.errors import invalid_params
from acp_agent.surface.v1.wire import NullIsDefault, Wire


class Pair(Wire):
    """An environment variable or an HTTP header."""

    name: str
    value: str


class McpServerParams(Wire):
    """`McpServer`: stdio when it has no type."""

    name: str
    type: Literal["stdio", "http", "sse", "acp"] = "stdio"
    command: str = ""
    args: Annotated[list[str], NullIsDefault] = []
    env: Annotated[list[Pair], NullIsDefault] = []
    url: str = ""
    headers: Annotated[list[Pair], NullIsDefault] = []
    server_id: str = ""


def to_servers(servers: list[McpServerParams]) -> tuple[mcp.McpServer, ...]:
    """MCP servers in the engine's words.

    Raises:
        RpcError: a server that lacks what its type needs.
    """
    return tuple(_to_server(server, f"mcpServers[{index}]") for index, server in enumerate(servers))


def _to_server(server: McpServerParams, path: str) -> mcp.McpServer:
    if server.type == "stdio":
        if not server.command:
            raise invalid_params(f"{path}.command", "is required for a stdio server")
        env = tuple((pair.name, pair.value) for pair in server.env)
        return mcp.StdioServer(server.name, server.command, tuple(server.args), env)
    if server.type == "acp":
        if not server.server_id:
            raise invalid_params(f"{path}.serverId", "is required for a server of type `acp`")
        return mcp.ChannelServer(server.name, server.server_id)
    if not server.url:
        raise invalid_params(f"{path}.url", f"is required for a server of type `{server.type}`")
    headers = tuple((pair.name, pair.value) for pair in server.headers)
    return mcp.HttpServer(server.name, server.url, headers, server.type)
