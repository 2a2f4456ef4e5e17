"""One tool of an MCP server, as the model and the user see it.

What a server says of its tools is believed, for the user or the client chose it: a tool that is read-only by
its own words runs unasked, unless it says that it reaches out to the world, where it may carry what it was
given. But a server is believed once. A tool that is redefined while the session lasts cannot become read-only
by that, nor stay at home from then on, and what the user allowed was the tool as it was before.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol, cast

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.model.content import Shown, Text
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolKind, ToolOutcome, ToolSpec
from acp_agent.tools.mcp.content import MAX_TEXT, content_of, cut, presented
from acp_agent.tools.mcp.progress import Progress
from acp_agent.tools.mcp.text import clean, one_line, tool_name

if TYPE_CHECKING:
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.types import CallToolResult, ToolAnnotations
    from mcp.types import Tool as ListedTool

MAX_DESCRIPTION = 2_000
"""Characters of a description the model reads."""

MAX_SCHEMA = 100_000
"""Characters of the schema of one tool's arguments."""


class Send(Protocol):
    """The way to the server."""

    async def __call__(
        self,
        tool: str,
        arguments: JsonObject,
        context: ports.ToolContext,
        *,
        progress: ProgressFnT,
        repeatable: bool,
    ) -> CallToolResult:
        """Call the tool of that name at the server.

        Raises:
            ToolError: there is no answer. Unless the call is `repeatable`, it says if nobody knows whether
                the call was carried out.
        """
        ...


class McpTool:
    """A tool that lives in an MCP server. `first` is how the session came to know it, if that was before."""

    def __init__(self, server: str, listed: ListedTool, send: Send, first: McpTool | None = None) -> None:
        hints = _hints(listed)
        title = listed.title or hints.title or listed.name
        self._remote_name = listed.name
        self._title = one_line(f"{server}: {title}", 120)
        self._send = send
        self._definition = _digest(listed)
        self._first = first or self
        self._claims_read_only = bool(hints.read_only_hint)
        self._claims_home = self._claims_read_only and not hints.open_world_hint
        self._reads_only = self._claims_read_only and self._first._claims_read_only
        self._stays_home = self._claims_home and self._first._claims_home
        self._repeatable = self._reads_only or bool(hints.idempotent_hint)
        description = clean((listed.description or title).strip(), MAX_DESCRIPTION)
        schema = object_schema(listed.input_schema)
        self._spec = ToolSpec(
            tool_name(server, listed.name), description, schema, _kind(hints, reads_only=self._reads_only)
        )

    @property
    def spec(self) -> ToolSpec:
        """What the model is told."""
        return self._spec

    @property
    def first(self) -> McpTool:
        """The tool as the session came to know it."""
        return self._first

    async def preview(self, args: JsonObject, context: ports.ToolContext) -> ports.Preview:
        """Name the tool; what it does only its server knows, so an "always" covers all its calls."""
        subject = self._spec.name
        if self._definition != self._first._definition:
            subject = f"{subject} as changed ({self._definition})"
        effect = "read" if self._stays_home else "other"
        return ports.Preview(self._title, self._spec.kind, Access(effect, subject=subject))

    async def run(self, args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        """Call the server and wait for its answer, however long it takes; cancelling tells the server.

        Raises:
            ToolError: the server is gone, ended during the call, or answered with an error.
        """
        progress = Progress(context.report)
        try:
            result = await self._send(
                self._remote_name, args, context, progress=progress.take, repeatable=self._repeatable
            )
        finally:
            progress.close()
        return outcome_of(result)


def object_schema(schema: JsonObject) -> JsonObject:
    """`schema` if it describes an object, completed where servers leave things out; else any object.

    What its descriptions hide from eyes is left out. One beyond `MAX_SCHEMA` counts as none: models are given
    it with each request.
    """
    is_object = schema.get("type", "object") == "object" and isinstance(schema.get("properties", {}), dict)
    if not is_object or len(dump_text(schema)) > MAX_SCHEMA:
        return {"type": "object", "properties": {}}
    return {"properties": {}, **_with_clean_descriptions(schema), "type": "object"}


def _with_clean_descriptions(schema: JsonObject) -> JsonObject:
    def cleaned(key: str, value: JsonValue) -> JsonValue:
        match value:
            case str() if key == "description":
                return clean(value, MAX_DESCRIPTION)
            case dict():
                return _with_clean_descriptions(value)
            case list():
                return [cleaned("", one) for one in value]
            case _:
                return value

    return {key: cleaned(key, value) for key, value in schema.items()}


def outcome_of(result: CallToolResult) -> ToolOutcome:
    """A server's answer as our own, within `MAX_TEXT` and `MAX_IMAGES`."""
    read, shown = presented(map(content_of, result.content))
    structured = cast("JsonValue", result.structured_content)
    encoded = "" if structured is None else dump_text(structured)
    if not read:
        read.append(Text(cut(encoded, MAX_TEXT) or "(the tool returned nothing)"))
        shown.append(Shown(read[-1]))
    return ToolOutcome(
        for_model=tuple(read),
        is_error=result.is_error,
        display=tuple(shown),
        raw_output=structured if len(encoded) <= MAX_TEXT else None,
    )


def _hints(listed: ListedTool) -> ToolAnnotations:
    from mcp.types import ToolAnnotations  # lazy: loaded before any tool could be listed

    return listed.annotations or ToolAnnotations()


def _kind(hints: ToolAnnotations, *, reads_only: bool) -> ToolKind:
    if reads_only:
        return "fetch" if hints.open_world_hint else "read"
    return "delete" if hints.destructive_hint else "other"


def _digest(listed: ListedTool) -> str:
    """What tells one definition of a tool from another."""
    definition = listed.model_dump_json(by_alias=True, include={"description", "input_schema", "annotations"})
    return hashlib.sha256(definition.encode()).hexdigest()[:8]


if TYPE_CHECKING:
    _: type[ports.Tool] = McpTool
