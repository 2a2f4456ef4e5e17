"""The tool sources of one session: started with it, joined before each step, each failure told once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

import anyio
from anyio.abc import TaskGroup

from acp_agent.base.errors import ToolError
from acp_agent.model import events
from acp_agent.model.content import Resource
from acp_agent.model.mcp import ChannelServer, McpServer
from acp_agent.ports import MessageChannel, Tool, ToolSource

logger = logging.getLogger(__name__)

READ_TIME = 30.0
"""Seconds a source gets to find out whether a link is its own, and to read it."""

JOIN_TIME = 15.0
"""Seconds the first prompt waits for tool sources that are still connecting."""


class _Member:
    """A source, and what it was made from. Leaving `scope` ends it."""

    def __init__(self, server: McpServer, channel: MessageChannel | None, source: ToolSource) -> None:
        self.server = server
        self.channel = channel
        self.source = source
        self.scope = anyio.CancelScope()
        self.was_awaited = False
        self.was_told = False  # what keeps it from being of use

    def is_still(self, server: McpServer, channel: MessageChannel | None) -> bool:
        """Whether a new source for this server would be no other, and no better."""
        same_way = not isinstance(server, ChannelServer) or channel is self.channel
        return server == self.server and same_way and self.source.failure is None


class SourceSet:
    """Sources that come and go with a session, one for each of its MCP servers.

    `changed` is called when a source has connected or failed and when others are in use.
    """

    def __init__(
        self,
        connect: Callable[[McpServer, MessageChannel | None], ToolSource],
        *,
        resource_tools: Callable[[Callable[[], tuple[ToolSource, ...]]], tuple[Tool, ...]],
        changed: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._changed = changed
        self._members: dict[str, _Member] = {}  # by name
        self._tasks: TaskGroup | None = None  # from `start` on
        self._make_resource_tools = resource_tools
        self._resource_tools: tuple[Tool, ...] | None = None  # once a source has resources

    @property
    def all(self) -> tuple[ToolSource, ...]:
        """Each of them, whatever its condition."""
        return tuple(member.source for member in self._members.values())

    def start(self, tasks: TaskGroup) -> None:
        """Connect all of them, and all that come later, for as long as `tasks` lives."""
        self._tasks = tasks
        for member in self._members.values():
            tasks.start_soon(self._live, member)

    def use(self, servers: Iterable[McpServer], channel: MessageChannel | None) -> None:
        """Have a source for each of these servers and for no other; those there are already stay as they are.

        Of several servers with one name the last counts. `channel` leads to servers that the client is.
        """
        wanted = {server.name: server for server in servers}
        before, self._members = self._members, {}
        for name, server in wanted.items():
            member = before.get(name)
            if member is None or not member.is_still(server, channel):
                member = _Member(server, channel, self._connect(server, channel))
            self._members[name] = member
        old, new = set(before.values()), set(self._members.values())
        for member in old - new:
            member.scope.cancel()
        if self._tasks is not None:
            for member in self._members.values():
                if member not in old:
                    self._tasks.start_soon(self._live, member)
            if old != new:
                self._changed()

    def roots_changed(self) -> None:
        """The session may touch other directories than before."""
        for source in self.all:
            source.roots_changed()

    async def join(self) -> list[events.Noticed]:
        """Wait, for a while, until each has connected or failed; what is to be told about failures."""
        late = await self._await_settled()
        notices: list[events.Noticed] = []
        for member in self._members.values():
            source, problem = member.source, member.source.failure
            if member in late:
                problem = f"it did not connect within {JOIN_TIME:.0f} s"
            if problem is not None and not member.was_told:
                member.was_told = True
                title = f"MCP server `{source.name}` is not available"
                notices.append(events.Noticed("warning", title, problem))
        return notices

    def tools(self) -> Iterator[Tool]:
        """What they offer now; tools to read resources come last, if there are any resources."""
        for source in self.all:
            yield from source.tools()
        if any(source.has_resources for source in self.all):
            if self._resource_tools is None:
                self._resource_tools = self._make_resource_tools(lambda: self.all)
            yield from self._resource_tools

    async def read_link(self, uri: str) -> tuple[Resource, ...] | None:
        """What is behind `uri` if it belongs to one of them, else None.

        Raises:
            ToolError: it belongs to one that cannot read it.
        """
        await self._await_settled()
        for source in self.all:
            with anyio.move_on_after(READ_TIME):
                if not await source.owns(uri):
                    continue
                parts = await source.read_resource(uri)
                if not parts:
                    raise ToolError("there is nothing behind it")
                return parts
            logger.warning("`%s` did not say within %g s what is behind a link", source.name, READ_TIME)
        return None

    async def _live(self, member: _Member) -> None:
        with member.scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell_when_settled, member.source)
                await member.source.run()

    async def _tell_when_settled(self, source: ToolSource) -> None:
        await source.wait_settled()
        self._changed()

    async def _await_settled(self) -> set[_Member]:
        """Those still connecting after `JOIN_TIME`; each is waited for once only."""
        late = {member for member in self._members.values() if not member.was_awaited}

        async def join(member: _Member) -> None:
            await member.source.wait_settled()
            late.discard(member)

        if late:
            with anyio.move_on_after(JOIN_TIME):
                async with anyio.create_task_group() as joining:
                    for member in tuple(late):
                        joining.start_soon(join, member)
            for member in self._members.values():
                member.was_awaited = True
        return late
