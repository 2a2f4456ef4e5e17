"""Displayed tool calls as the protocol's `tool_call` and `tool_call_update`."""

from __future__ import annotations

from typing import assert_never

from msgspec import UNSET

from acp_agent.base.fence import fenced
from acp_agent.base.ids import ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import content
from acp_agent.model.content import Printed
from acp_agent.model.toolcall import Location, ToolCallPatch
from acp_agent.surface.v1.content_projection import content_block, without_none
from acp_agent.surface.v1.display_terminal import DisplayTerminal


class CallProjection:
    """Remembers which calls the client knows: the others need a full `tool_call`.

    Args:
        terminals_in: the directory of commands, if the client draws terminals for those that we run
            ourselves; None if it does not, so that their output is text.
    """

    def __init__(self, terminals_in: str | None = None) -> None:
        self._announced: set[ToolCallId] = set()
        self._terminals_in = terminals_in
        self._terminals: dict[ToolCallId, DisplayTerminal] = {}  # of calls that have not ended

    def project(self, call_id: ToolCallId, patch: ToolCallPatch) -> list[JsonObject]:
        """The updates that tell of this change."""
        fields = tool_call_fields(patch)
        updates: list[JsonObject] = []
        if call_id not in self._announced:
            self._announced.add(call_id)
            fields.setdefault("title", fields.get("name", "Tool call"))
            updates.append({"sessionUpdate": "tool_call", "toolCallId": call_id, **fields})
            fields = {}
        if self._terminals_in is not None:
            self._draw_terminal(call_id, patch, updates, fields, self._terminals_in)
        if fields or not updates:
            updates.append({"sessionUpdate": "tool_call_update", "toolCallId": call_id, **fields})
        return updates

    def _draw_terminal(
        self,
        call_id: ToolCallId,
        patch: ToolCallPatch,
        introduced: list[JsonObject],
        fields: JsonObject,
        cwd: str,
    ) -> None:
        """Make the terminal where the call is introduced, and print in updates, as the convention has it.

        What a call prints is all that it shows.
        """
        printed = _printed(patch)
        terminal = self._terminals.get(call_id)
        if terminal is None and (printed is not None or (introduced and patch.kind == "execute")):
            terminal = self._terminals[call_id] = DisplayTerminal(f"output_{call_id}")
            (introduced[0] if introduced else fields)["_meta"] = terminal.opening(cwd)
        if terminal is None:
            return
        if printed is not None:
            embedded: JsonObject = {"type": "terminal", "terminalId": terminal.id}
            for shown in (*introduced, fields):
                shown.pop("content", None)
            if not terminal.embedded:
                terminal.embedded = True
                fields["content"] = [embedded]
            _add_meta(fields, terminal.print(printed))
        if patch.status in ("completed", "failed", "cancelled"):
            _add_meta(fields, terminal.closing(printed))
            del self._terminals[call_id]


def tool_call_fields(patch: ToolCallPatch) -> JsonObject:
    """The changed members of a tool call; version 1 has no `cancelled`, so that is `failed`."""
    fields: JsonObject = {}
    if patch.name is not UNSET:
        fields["name"] = patch.name
    if patch.title is not UNSET:
        fields["title"] = patch.title
    if patch.kind is not UNSET:
        fields["kind"] = patch.kind
    if patch.status is not UNSET:
        fields["status"] = "failed" if patch.status == "cancelled" else patch.status
    if patch.content is not UNSET:
        fields["content"] = [_tool_content(item) for item in patch.content]
    if patch.locations is not UNSET:
        fields["locations"] = [_location(location) for location in patch.locations]
    if patch.raw_input is not UNSET and patch.raw_input is not None:
        fields["rawInput"] = patch.raw_input
    if patch.raw_output is not UNSET and patch.raw_output is not None:
        fields["rawOutput"] = patch.raw_output
    return fields


def _printed(patch: ToolCallPatch) -> Printed | None:
    if patch.content is UNSET:
        return None
    return next((item for item in patch.content if isinstance(item, Printed)), None)


def _add_meta(fields: JsonObject, entries: JsonObject) -> None:
    if entries:
        known = fields.get("_meta")
        fields["_meta"] = {**(known if isinstance(known, dict) else {}), **entries}


def _tool_content(item: content.ToolContent) -> JsonObject:
    match item:
        case content.Shown(part):
            return {"type": "content", "content": content_block(part)}
        case content.Diff(path, new_text, old_text):
            return without_none({"type": "diff", "path": path, "newText": new_text, "oldText": old_text})
        case content.TerminalRef(terminal_id):
            return {"type": "terminal", "terminalId": terminal_id}
        case Printed(text):
            return {"type": "content", "content": {"type": "text", "text": fenced(text)}}
        case _:
            assert_never(item)


def _location(location: Location) -> JsonObject:
    return without_none({"path": location.path, "line": location.line})
