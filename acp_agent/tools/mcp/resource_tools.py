"""The tools `mcp_list_resources` and `mcp_read_resource`: what MCP servers have to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from acp_agent import ports
from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.mcp import ResourceInfo
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec, succeeded
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.mcp.content import MAX_TEXT, cut, presented
from acp_agent.tools.mcp.text import one_line

Sources: TypeAlias = Callable[[], tuple[ports.ToolSource, ...]]
_Server = Annotated[str, msgspec.Meta(description="Name of one server; empty for all of them.")]


class ListArgs(msgspec.Struct, frozen=True):
    """Arguments of `mcp_list_resources`."""

    server: _Server = ""


class ReadArgs(msgspec.Struct, frozen=True):
    """Arguments of `mcp_read_resource`."""

    uri: Annotated[
        str, msgspec.Meta(description="URI of the resource, or a template with its blanks filled.")
    ]
    server: _Server = ""


def resource_tools(sources: Sources) -> tuple[ports.Tool, ...]:
    """Both tools, over the sources a session has when they are called."""
    return ListResourcesTool(sources), ReadResourceTool(sources)


class ListResourcesTool:
    """Shows the model what there is to read."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.spec = ToolSpec(
            "mcp_list_resources",
            "List the resources of the connected MCP servers: documents, records and the like that can be "
            "read with `mcp_read_resource`. URIs with `{blanks}` are templates to fill in.",
            input_schema(ListArgs),
            kind="search",
        )

    async def preview(self, args: JsonObject, context: ports.ToolContext) -> ports.Preview:
        """Say whose resources would be listed."""
        wanted = parse_args(ListArgs, args)
        place = f"of {one_line(wanted.server, 80)}" if wanted.server else "of all MCP servers"
        return ports.Preview(f"List resources {place}", "search", Access("read", self.spec.name))

    async def run(self, args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        """List them; a server that cannot is named among the others.

        Raises:
            ToolError: there is no such server.
        """
        parts: list[str] = []
        for source in _chosen(self._sources(), parse_args(ListArgs, args).server):
            try:
                lines = list(map(_shown, await source.resources()))
            except ToolError as exc:
                lines = [f"(not listed: {exc})"]
            parts.append("\n".join([f"# {one_line(source.name, 80)}", *(lines or ["(none)"])]))
        return succeeded(cut("\n\n".join(parts), MAX_TEXT))


class ReadResourceTool:
    """Shows the model one resource."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.spec = ToolSpec(
            "mcp_read_resource",
            "Read a resource of a connected MCP server by its URI, as `mcp_list_resources` or a result of a "
            "tool names it.",
            input_schema(ReadArgs),
            kind="read",
        )

    async def preview(self, args: JsonObject, context: ports.ToolContext) -> ports.Preview:
        """Say what would be read."""
        wanted = parse_args(ReadArgs, args)
        return ports.Preview(f"Read {one_line(wanted.uri, 200)}", "read", Access("read", self.spec.name))

    async def run(self, args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        """Read it.

        Raises:
            ToolError: no server has it, or the one that has cannot read it.
        """
        wanted = parse_args(ReadArgs, args)
        source = await _owner(wanted.uri, _chosen(self._sources(), wanted.server))
        read, shown = presented(await source.read_resource(wanted.uri))
        if not read:
            return succeeded("(the resource is empty)")
        return ToolOutcome(tuple(read), display=tuple(shown))


def _chosen(sources: Iterable[ports.ToolSource], name: str) -> list[ports.ToolSource]:
    able = [source for source in sources if source.has_resources]
    chosen = [source for source in able if name in ("", source.name)]
    if not chosen:
        known = ", ".join(f"`{one_line(source.name, 80)}`" for source in able) or "none"
        raise ToolError(f"no MCP server `{one_line(name, 80)}` has resources; those that have: {known}")
    return chosen


async def _owner(uri: str, sources: list[ports.ToolSource]) -> ports.ToolSource:
    if len(sources) == 1:
        return sources[0]
    for source in sources:
        if await source.owns(uri):
            return source
    raise ToolError(
        f"no MCP server lists `{one_line(uri, 200)}`; see `mcp_list_resources`, or name the server it is from"
    )


def _shown(resource: ResourceInfo) -> str:
    facts = [resource.name]
    if resource.mime_type:
        facts.append(resource.mime_type)
    if resource.size_bytes is not None:
        facts.append(f"{resource.size_bytes} bytes")
    about = f": {resource.description}" if resource.description else ""
    return f"- {resource.uri} ({', '.join(facts)}){about}"


if TYPE_CHECKING:
    _: tuple[type[ports.Tool], ...] = (ListResourcesTool, ReadResourceTool)
