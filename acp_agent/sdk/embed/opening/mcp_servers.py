"""The MCP servers of one session: added, removed, looked at, and let go while nobody needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import anyio
import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.engine.session import Session
from acp_agent.model.mcp import McpServer
from acp_agent.ports import ToolSource
from acp_agent.sdk.embed.errors import ConfigInvalid, McpFailed


class McpStatus(msgspec.Struct, frozen=True):
    """How things stand with an MCP server.

    Attributes:
        connected: whether it offers its tools now.
        tool_count: how many those are.
        error: why it offers none; None while it is connecting, connected or let go.
    """

    name: str
    connected: bool
    tool_count: int
    error: str | None = None


class McpServers:
    """What servers a session is to have; those let go are connected again by the next run."""

    def __init__(self, session: Session, servers: Iterable[McpServer]) -> None:
        self._session = session
        self._wanted = {server.name: server for server in servers}
        self._let_go = False
        self._used = anyio.current_time()

    def touch(self) -> None:
        """They are needed now."""
        self._used = anyio.current_time()
        if self._let_go:
            self._let_go = False
            self._use()

    async def add(self, server: McpServer) -> int:
        """Connect one more, in place of one of the same name; how many tools it offers.

        Raises:
            McpFailed: it cannot be connected, and was removed again.
        """
        self.touch()
        self._wanted[server.name] = server
        self._use()
        source = self._source(server.name)
        if source is None:
            raise McpFailed(server.name, f"MCP server `{server.name}` was removed while it was connecting")
        await source.wait_settled()
        if source.failure is not None:
            if self._source(server.name) is source:
                self.remove(server.name)
            raise McpFailed(server.name, source.failure)
        return len(source.tools())

    def remove(self, name: str) -> bool:
        """Let one go for good; False if there is none of this name."""
        if self._wanted.pop(name, None) is None:
            return False
        self._use()
        return True

    def status(self) -> dict[str, McpStatus]:
        """How things stand with each, by name."""
        found = {source.name: source for source in self._session.sources.all}
        return {name: _status(name, found.get(name)) for name in self._wanted}

    async def refresh(self) -> int:
        """Connect those again that failed, and wait until all have settled; how many tools they offer."""
        self.touch()
        self._use()
        for source in self._session.sources.all:
            await source.wait_settled()
        return sum(len(source.tools()) for source in self._session.sources.all)

    def let_go_if_idle(self, seconds: float) -> list[str]:
        """Disconnect all if they were not needed for so long; the names of those that were connected."""
        if self._let_go or anyio.current_time() - self._used < seconds:
            return []
        names = [name for name, status in self.status().items() if status.connected]
        self._let_go = True
        self._session.sources.use((), None)
        return names

    def _use(self) -> None:
        if not self._let_go:
            self._session.sources.use(self._wanted.values(), None)

    def _source(self, name: str) -> ToolSource | None:
        return next((source for source in self._session.sources.all if source.name == name), None)


def servers_of(tables: Mapping[str, Mapping[str, object]] | None) -> tuple[McpServer, ...]:
    """MCP servers by name, written as in the settings.

    Raises:
        ConfigInvalid: one of them is not.
    """
    if not tables:
        return ()
    from pathlib import Path  # lazy: most sessions have no server

    from acp_agent.sdk.settings.file import check_settings
    from acp_agent.sdk.settings.mcp import configured_servers

    given = msgspec.to_builtins({name: dict(table) for name, table in tables.items()})
    try:
        return configured_servers(check_settings({"mcp_servers": given}, Path("mcp_servers")).mcp_servers)
    except ConfigError as exc:
        raise ConfigInvalid(str(exc), hint=exc.hint) from exc


def _status(name: str, source: ToolSource | None) -> McpStatus:
    if source is None:
        return McpStatus(name, connected=False, tool_count=0)
    n_tools = len(source.tools())
    connected = n_tools > 0 or source.has_resources or bool(source.prompts())
    return McpStatus(name, connected and source.failure is None, n_tools, source.failure)
