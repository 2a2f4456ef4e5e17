"""Events to version 1 updates: one total function, for live sessions and for replay alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from msgspec import UNSET

from acp_agent.base.ids import ToolCallId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import content, events
from acp_agent.model.toolcall import Location, PlanEntry, ToolCallPatch


class Projector:
    """Projects one session's events for one client.

    Args:
        options: the complete list of config options as it is now.
        notices: whether the client draws notices; without, they become message or thought chunks.

    `replaying` is set while history is sent: only then are the user's own messages repeated.
    """

    def __init__(self, options: Callable[[], list[JsonValue]], *, notices: bool) -> None:
        self.replaying = False
        self._options = options
        self._notices = notices
        self._announced: set[ToolCallId] = set()  # calls the client knows; others need a full `tool_call`
        self._n_notices = 0

    def project(self, event: events.Event) -> list[JsonObject]:
        """The updates, in order, that tell the client about this event; often one, sometimes none."""
        match event:
            case events.TextChunk(message_id, text):
                return [_chunk("agent_message_chunk", message_id, text)]
            case events.ThoughtChunk(message_id, text):
                return [_chunk("agent_thought_chunk", message_id, text)]
            case events.CallShown(call_id, patch):
                return [self._tool_call(call_id, patch)]
            case events.UserSaid(message_id, parts):
                return self._user_message(message_id, parts)
            case events.PlanChanged(entries):
                return [_plan(entries)]
            case events.UsageChanged(used, size, cost):
                return [_usage(used, size, cost)]
            case events.TitleChanged(title, at):
                return [
                    {"sessionUpdate": "session_info_update", "title": title, "updatedAt": at.isoformat()},
                ]
            case events.ModeChanged(mode):
                return [
                    {"sessionUpdate": "current_mode_update", "currentModeId": mode},
                    {"sessionUpdate": "config_option_update", "configOptions": self._options()},
                ]
            case events.ModelChanged():
                return [{"sessionUpdate": "config_option_update", "configOptions": self._options()}]
            case events.Noticed():
                return [self._notice(event)]
            case (
                events.TurnStarted()
                | events.Attached()
                | events.ThoughtEnded()
                | events.CallRequested()
                | events.CallAnswered()
                | events.StepEnded()
                | events.PermissionDecided()
                | events.TurnEnded()
            ):
                return []
            case _:
                assert_never(event)

    def _user_message(self, message_id: str, parts: tuple[content.Content, ...]) -> list[JsonObject]:
        if not self.replaying:
            return []  # the client drew it when the user sent it
        return [
            {"sessionUpdate": "user_message_chunk", "messageId": message_id, "content": content_block(part)}
            for part in parts
        ]

    def _tool_call(self, call_id: ToolCallId, patch: ToolCallPatch) -> JsonObject:
        if call_id in self._announced:
            return {"sessionUpdate": "tool_call_update", "toolCallId": call_id, **tool_call_fields(patch)}
        self._announced.add(call_id)
        fields = tool_call_fields(patch)
        fields.setdefault("title", fields.get("name", "Tool call"))
        return {"sessionUpdate": "tool_call", "toolCallId": call_id, **fields}

    def _notice(self, notice: events.Noticed) -> JsonObject:
        if self._notices:
            update: JsonObject = {
                "sessionUpdate": "notice",
                "severity": notice.severity,
                "title": notice.title,
            }
            if notice.detail:
                update["description"] = notice.detail
            return update
        kind = "agent_thought_chunk" if notice.severity == "info" else "agent_message_chunk"
        self._n_notices += 1
        text = f"{notice.title}: {notice.detail}" if notice.detail else notice.title
        return _chunk(kind, f"notice_{self._n_notices}", f"{text}\n\n")


def content_block(part: content.Content) -> JsonObject:
    """A piece of content as the protocol's `ContentBlock`; absent members are left out."""
    match part:
        case content.Text(text):
            return {"type": "text", "text": text}
        case content.Image(data, mime_type, uri):
            return _without_none({"type": "image", "data": data, "mimeType": mime_type, "uri": uri})
        case content.Audio(data, mime_type):
            return {"type": "audio", "data": data, "mimeType": mime_type}
        case content.ResourceLink(uri, name, mime_type, title, description, size):
            return _without_none(
                {
                    "type": "resource_link",
                    "uri": uri,
                    "name": name,
                    "mimeType": mime_type,
                    "title": title,
                    "description": description,
                    "size": size,
                }
            )
        case content.Resource(uri, text, blob, mime_type):
            inner = _without_none({"uri": uri, "text": text, "blob": blob, "mimeType": mime_type})
            return {"type": "resource", "resource": inner}
        case _:
            assert_never(part)


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


def _chunk(kind: str, message_id: str, text: str) -> JsonObject:
    return {"sessionUpdate": kind, "messageId": message_id, "content": {"type": "text", "text": text}}


def _tool_content(item: content.ToolContent) -> JsonObject:
    match item:
        case content.Shown(part):
            return {"type": "content", "content": content_block(part)}
        case content.Diff(path, new_text, old_text):
            return _without_none({"type": "diff", "path": path, "newText": new_text, "oldText": old_text})
        case content.TerminalRef(terminal_id):
            return {"type": "terminal", "terminalId": terminal_id}
        case _:
            assert_never(item)


def _location(location: Location) -> JsonObject:
    return _without_none({"path": location.path, "line": location.line})


def _plan(entries: tuple[PlanEntry, ...]) -> JsonObject:
    return {
        "sessionUpdate": "plan",
        "entries": [
            {"content": entry.content, "priority": entry.priority, "status": entry.status}
            for entry in entries
        ],
    }


def _usage(used: int, size: int, cost: float | None) -> JsonObject:
    update: JsonObject = {"sessionUpdate": "usage_update", "used": used, "size": size}
    if cost is not None:
        update["cost"] = {"amount": round(cost, 6), "currency": "USD"}
    return update


def _without_none(members: JsonObject) -> JsonObject:
    return {key: value for key, value in members.items() if value is not None}
