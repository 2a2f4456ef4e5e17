"""What a program adds to a blocking session. `SessionExtensions` says more of each method."""

from __future__ import annotations

from collections.abc import Mapping

from acp_agent.model.command import CommandInfo
from acp_agent.sdk.embed.blocking.base import BlockingBase
from acp_agent.sdk.embed.opening.mcp_servers import McpStatus
from acp_agent.sdk.embed.options.permission import PermissionPolicy
from acp_agent.sdk.embed.runs.trace_log import TraceEvent
from acp_agent.sdk.embed.sessions.extensions import Command


class BlockingExtensions(BlockingBase):
    """Adds to a session."""

    def set_permission_policy(self, policy: PermissionPolicy | Mapping[str, object]) -> None:
        """Judge calls by this policy from the next one on; it is saved with the session."""
        self._look(self._inner.set_permission_policy, policy)

    def register_command(self, name: str, description: str, handler: Command) -> None:
        """Have prompts that begin with `/name` answered by the program; the model never hears of them."""
        self._look(self._inner.register_command, name, description, handler)

    def list_commands(self) -> list[CommandInfo]:
        """The slash commands there are: built in, of the program, in files and of MCP servers."""
        return self._wait(self._inner.list_commands)

    def add_mcp_server(self, name: str, config: Mapping[str, object]) -> int:
        """Connect an MCP server, written as in the settings; how many tools it offers."""
        return self._wait(self._inner.add_mcp_server, name, config)

    def remove_mcp_server(self, name: str) -> bool:
        """Disconnect an MCP server; False if there is none of this name."""
        return self._look(self._inner.remove_mcp_server, name)

    def mcp_status(self) -> dict[str, McpStatus]:
        """How things stand with each MCP server, by name."""
        return self._look(self._inner.mcp_status)

    def refresh_mcp_tools(self) -> int:
        """Connect MCP servers again that failed, and wait for all; how many tools they offer now."""
        return self._wait(self._inner.refresh_mcp_tools)

    def let_go_idle_mcp(self, idle_ms: int) -> list[str]:
        """Disconnect its MCP servers if it had no run for so long; the names of those that were connected."""
        return self._look(self._inner.let_go_idle_mcp, idle_ms)

    def trace_events(self) -> list[TraceEvent]:
        """Runs, model requests and tool calls that are over, with how long each took."""
        return self._look(self._inner.trace_events)
