"""What happens in a run, told flat: a kind, and the fields that kind has."""

from __future__ import annotations

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.sdk.embed.runs.results import TokenUsage

EVENT_VERSION = 1


class AgentEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened. There will be further kinds: skip those you do not know.

    Fields that a kind does not have are None, so that any may be read on any event. `data` holds what has no
    field of its own, under the names in the documentation.
    """

    event_type: str
    text: str | None = None
    tool_id: str | None = None
    tool_name: str | None = None
    tool_output: str | None = None
    exit_code: int | None = None
    turn: int | None = None
    prompt: str | None = None
    error: str | None = None
    error_kind: str | None = None
    usage: TokenUsage | None = None
    args: JsonObject | None = None
    reason: str | None = None
    approved: bool | None = None
    timeout_ms: int | None = None
    task_id: str | None = None
    session_id: str | None = None
    tasks: list[JsonValue] | None = None
    verification_summary_text: str | None = None
    data: JsonObject = {}

    @property
    def type(self) -> str:
        """The kind, under its other name."""
        return self.event_type

    @property
    def name(self) -> str | None:
        """The tool's name."""
        return self.tool_name

    @property
    def total_tokens(self) -> int | None:
        """Tokens read and written, where the event counts any."""
        return None if self.usage is None else self.usage.total_tokens

    def to_dict(self) -> JsonObject:
        """The event as a JSON object with its kind under `type`."""
        values: JsonObject = msgspec.to_builtins(self)
        rest = values.pop("data", None)
        shown: JsonObject = {"type": values.pop("event_type"), "version": EVENT_VERSION, **values}
        if self.usage is not None:
            shown["total_tokens"] = self.usage.total_tokens
        return {**shown, **rest} if isinstance(rest, dict) else shown
