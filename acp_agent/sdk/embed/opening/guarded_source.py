"""A source of tools, such as an MCP server, whose tools are under the same guard as all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from acp_agent.model.content import Content, Resource
from acp_agent.model.mcp import PromptInfo, ResourceInfo
from acp_agent.ports import Tool, ToolSource
from acp_agent.sdk.embed.opening.resilience import GuardedTool, RunGuard

if TYPE_CHECKING:
    from acp_agent import ports


class GuardedSource:
    """As the source it is made of, but for its tools."""

    def __init__(self, inner: ToolSource, guard: RunGuard) -> None:
        self._inner = inner
        self._guard = guard

    @property
    def name(self) -> str:
        """As the source says."""
        return self._inner.name

    @property
    def failure(self) -> str | None:
        """As the source says."""
        return self._inner.failure

    @property
    def has_resources(self) -> bool:
        """As the source says."""
        return self._inner.has_resources

    async def run(self) -> None:
        """As the source does."""
        await self._inner.run()

    async def wait_settled(self) -> None:
        """As the source does."""
        await self._inner.wait_settled()

    def tools(self) -> Sequence[Tool]:
        """Its tools, under guard."""
        return [GuardedTool(tool, self._guard) for tool in self._inner.tools()]

    def prompts(self) -> Sequence[PromptInfo]:
        """As the source says."""
        return self._inner.prompts()

    async def expand(self, name: str, arguments: Mapping[str, str]) -> tuple[Content, ...]:
        """As the source does."""
        return await self._inner.expand(name, arguments)

    async def resources(self) -> Sequence[ResourceInfo]:
        """As the source says."""
        return await self._inner.resources()

    async def owns(self, uri: str) -> bool:
        """As the source says."""
        return await self._inner.owns(uri)

    async def read_resource(self, uri: str) -> tuple[Resource, ...]:
        """As the source does."""
        return await self._inner.read_resource(uri)

    def roots_changed(self) -> None:
        """As the source does."""
        self._inner.roots_changed()


if TYPE_CHECKING:
    _: type[ports.ToolSource] = GuardedSource
