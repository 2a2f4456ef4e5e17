"""The tool sources of one session: started with it, joined before each step, each failure told once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import anyio
from anyio.abc import TaskGroup

from acp_agent.model import events
from acp_agent.ports import Tool, ToolSource

JOIN_TIME = 15.0
"""Seconds the first prompt waits for tool sources that are still connecting."""


class SourceSet:
    """Sources that come and go with a session, such as its MCP servers."""

    def __init__(self, sources: Sequence[ToolSource]) -> None:
        self._sources = tuple(sources)
        self._reported: set[str] = set()  # by name: those whose failure was told, or who were waited for

    def start(self, tasks: TaskGroup) -> None:
        """Connect all of them, for as long as `tasks` lives."""
        for source in self._sources:
            tasks.start_soon(source.run)

    async def join(self) -> list[events.Noticed]:
        """Wait, for a while, until each has connected or failed; what is to be told about failures."""
        late = await self._await_settled()
        notices: list[events.Noticed] = []
        for source in self._sources:
            problem = source.failure
            if source.name in late:
                problem = f"it did not connect within {JOIN_TIME:.0f} s"
            if problem is not None and source.name not in self._reported:
                self._reported.add(source.name)
                title = f"MCP server `{source.name}` is not available"
                notices.append(events.Noticed("warning", title, problem))
        return notices

    def tools(self) -> Iterator[Tool]:
        """What they offer now."""
        for source in self._sources:
            yield from source.tools()

    async def _await_settled(self) -> set[str]:
        """Names of those still connecting after `JOIN_TIME`; each is waited for once only."""
        late = {source.name for source in self._sources} - self._reported

        async def join(source: ToolSource) -> None:
            await source.wait_settled()
            late.discard(source.name)

        if late:
            with anyio.move_on_after(JOIN_TIME):
                async with anyio.create_task_group() as joining:
                    for source in self._sources:
                        if source.name in late:
                            joining.start_soon(join, source)
        return late
