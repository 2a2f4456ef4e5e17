"""What a program adds to a session while it lives: rules, commands, MCP servers."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
from anyio import to_thread

from acp_agent.base.errors import FOREIGN_FAILURES
from acp_agent.engine.commands.slash import BuiltinCommand, Desk
from acp_agent.model.command import CommandInfo
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.opening.mcp_servers import McpStatus, servers_of
from acp_agent.sdk.embed.options.permission import PermissionPolicy
from acp_agent.sdk.embed.runs.trace_log import TraceEvent
from acp_agent.sdk.embed.sessions.base import SessionBase

logger = logging.getLogger(__name__)


class CommandContext(msgspec.Struct, frozen=True):
    """What a command of the program may know of the session; `total_tokens` is of all its runs."""

    session_id: str
    workspace: str
    model: str
    history_len: int
    total_tokens: int
    tool_names: tuple[str, ...]
    mcp_servers: tuple[str, ...]


Command: TypeAlias = Callable[[str, CommandContext], str | Awaitable[str]]
"""Answers a command: gets what was typed behind its name; a plain function is called in a thread."""


class SessionExtensions(SessionBase):
    """Adds to a session."""

    def set_permission_policy(self, policy: PermissionPolicy | Mapping[str, object]) -> None:
        """Judge calls by this policy from the next one on; it is saved with the session.

        Raises:
            ConfigInvalid: it cannot be used.
        """
        self._check_open()
        self._opened.use_policy(PermissionPolicy.of(policy))

    def register_command(self, name: str, description: str, handler: Command) -> None:
        """Have prompts that begin with `/name` answered by the program; the model never hears of them.

        Raises:
            ConfigInvalid: the name has spaces or a slash in it, or belongs to a built-in command.
        """
        self._check_open()
        if not name or any(char.isspace() or char == "/" for char in name):
            raise ConfigInvalid(f"`{name}` cannot be the name of a command; it is one word without a slash")
        if not callable(handler):
            raise ConfigInvalid(f"`/{name}` needs a function that answers it, not `{type(handler).__name__}`")
        offering = self._session.offering
        others = tuple(command for command in offering.own if command.info.name != name)
        taken = offering.commands.by_name.get(name)
        if isinstance(taken, BuiltinCommand) and taken not in offering.own:
            raise ConfigInvalid(f"`/{name}` is a built-in command; choose another name")
        offering.own = (*others, BuiltinCommand(CommandInfo(name, description), self._answer_with(handler)))

    async def list_commands(self) -> list[CommandInfo]:
        """The slash commands there are: built in, of the program, in files and of MCP servers."""
        self._check_open()
        await self._session.lookout.look_again()
        return list(self._session.offering.commands.infos)

    async def add_mcp_server(self, name: str, config: Mapping[str, object]) -> int:
        """Connect an MCP server, written as in the settings; how many tools it offers.

        Raises:
            ConfigInvalid: it is not written so.
            McpFailed: it cannot be connected.
        """
        self._check_open()
        (server,) = servers_of({name: config})
        return await self._opened.servers.add(server)

    def remove_mcp_server(self, name: str) -> bool:
        """Disconnect an MCP server; False if there is none of this name."""
        self._check_open()
        return self._opened.servers.remove(name)

    def mcp_status(self) -> dict[str, McpStatus]:
        """How things stand with each MCP server, by name."""
        return self._opened.servers.status()

    async def refresh_mcp_tools(self) -> int:
        """Connect MCP servers again that failed, and wait for all; how many tools they offer now."""
        self._check_open()
        return await self._opened.servers.refresh()

    def let_go_idle_mcp(self, idle_ms: int) -> list[str]:
        """Disconnect its MCP servers if it had no run for so long; the names of those that were connected."""
        if self._host.book.current is not None:
            return []
        return self._opened.servers.let_go_if_idle(idle_ms / 1000)

    def trace_events(self) -> list[TraceEvent]:
        """Runs, model requests and tool calls that are over, with how long each took."""
        return self._opened.trace.events

    def _answer_with(self, handler: Command) -> Callable[[str, Desk], Awaitable[str]]:
        async def answer(arguments: str, desk: Desk) -> str:
            context = CommandContext(
                self._session.id,
                self.workspace,
                self.model,
                len(self._session.transcript.messages()),
                sum(run.usage.total_tokens for run in self._host.book.snapshots()),
                desk.tool_names(),
                tuple(source.name for source in desk.sources),
            )
            try:
                if inspect.iscoroutinefunction(handler):
                    said = handler(arguments, context)
                else:
                    said = await to_thread.run_sync(handler, arguments, context, abandon_on_cancel=True)
                return await said if inspect.isawaitable(said) else said
            except FOREIGN_FAILURES as exc:  # the boundary to the program's code
                logger.warning("a command of the program failed", exc_info=True)
                return f"The command failed: {exc}"

        return answer
