"""One tool of an MCP server, as the model and the user see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias, cast

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.model.content import Image, ResourceLink, Shown, Text
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolKind, ToolOutcome, ToolSpec
from acp_agent.tools.mcp_text import clean, one_line, tool_name

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ContentBlock, EmbeddedResource
    from mcp.types import Tool as ListedTool

    Call: TypeAlias = Callable[[str, JsonObject], Awaitable[CallToolResult]]

MAX_DESCRIPTION = 2_000
"""Characters of a description the model reads."""

MAX_TEXT = 100_000
"""Characters of one result the model reads; the rest is cut and counted."""

MAX_IMAGES = 5 * 1024 * 1024
"""Base64 characters of all images of one result; further images are named but not sent."""


class McpTool:
    """A tool that lives in an MCP server. `call` sends the arguments there, by the server's own tool name."""

    def __init__(self, server: str, listed: ListedTool, call: Call) -> None:
        hints = listed.annotations
        title = listed.title or (hints.title if hints else None) or listed.name
        self._remote_name = listed.name
        self._title = one_line(f"{server}: {title}", 120)
        self._reads_only = bool(hints and hints.read_only_hint)
        self._call = call
        kind: ToolKind = "read" if self._reads_only else "other"
        description = clean((listed.description or title).strip(), MAX_DESCRIPTION)
        self._spec = ToolSpec(
            tool_name(server, listed.name), description, object_schema(listed.input_schema), kind
        )

    @property
    def spec(self) -> ToolSpec:
        """What the model is told."""
        return self._spec

    async def preview(self, args: JsonObject, context: ports.ToolContext) -> ports.Preview:
        """Name the tool; what it does only its server knows, so an "always" covers all its calls."""
        effect = "read" if self._reads_only else "other"
        return ports.Preview(self._title, self._spec.kind, Access(effect, subject=self._spec.name))

    async def run(self, args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        """Call the server and wait for its answer, however long it takes; cancelling tells the server.

        Raises:
            ToolError: the server is gone, ended during the call, or answered with an error.
        """
        return outcome_of(await self._call(self._remote_name, args))


def object_schema(schema: JsonObject) -> JsonObject:
    """`schema` if it describes an object, completed where servers leave things out; else any object."""
    if schema.get("type", "object") != "object" or not isinstance(schema.get("properties", {}), dict):
        return {"type": "object", "properties": {}}
    return {"properties": {}, **schema, "type": "object"}


def outcome_of(result: CallToolResult) -> ToolOutcome:
    """A server's answer as our own, within `MAX_TEXT` and `MAX_IMAGES`."""
    read: list[Text | Image] = []
    shown: list[Shown] = []
    text_left, images_left = MAX_TEXT, MAX_IMAGES
    for block in result.content:
        piece = _piece(block)
        if isinstance(piece, Image) and len(piece.data) > images_left:
            piece = Text(f"(an image of type {piece.mime_type} is too large to show)")
        if isinstance(piece, Image):
            images_left -= len(piece.data)
            read.append(piece)
            shown.append(Shown(piece))
            continue
        text = piece.text if isinstance(piece, Text) else f"{piece.name}: {piece.uri}"
        if text and text_left:
            read.append(Text(_cut(text, text_left)))
            shown.append(Shown(piece if isinstance(piece, ResourceLink) else read[-1]))
            text_left = max(0, text_left - len(text))
    structured = cast("JsonValue", result.structured_content)
    encoded = "" if structured is None else dump_text(structured)
    if not read:
        read.append(Text(_cut(encoded, MAX_TEXT) or "(the tool returned nothing)"))
        shown.append(Shown(read[-1]))
    return ToolOutcome(
        for_model=tuple(read),
        is_error=result.is_error,
        display=tuple(shown),
        raw_output=structured if len(encoded) <= MAX_TEXT else None,
    )


def _piece(block: ContentBlock) -> Text | Image | ResourceLink:
    match block.type:
        case "text":
            return Text(block.text)
        case "image":
            return Image(block.data, block.mime_type)
        case "audio":
            return Text(f"(audio of type {block.mime_type}, not shown)")
        case "resource_link":
            return ResourceLink(block.uri, block.name, block.mime_type, block.title, block.description)
        case "resource":
            return _embedded(block)


def _embedded(block: EmbeddedResource) -> Text | Image:
    from mcp.types import TextResourceContents  # lazy: loaded before any answer could come

    inner = block.resource
    if isinstance(inner, TextResourceContents):
        return Text(inner.text)
    if inner.mime_type and inner.mime_type.startswith("image/"):
        return Image(inner.blob, inner.mime_type, inner.uri)
    return Text(f"({inner.mime_type or 'binary data'} at {inner.uri}, not shown)")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n(cut: {len(text) - limit} more characters)"


if TYPE_CHECKING:
    _: type[ports.Tool] = McpTool
