"""What one subagent is doing, in a few lines of Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from acp_agent.base.ids import ToolCallId
from acp_agent.engine.journal import merge_patches
from acp_agent.model import events
from acp_agent.model.toolcall import ToolCallPatch

MAX_CALLS = 8
"""Calls that are listed: the last ones."""

MAX_TEXT = 400
"""Characters of what it said last."""

_MARKS = {"completed": "✓", "failed": "✗", "cancelled": "✗"}


class NestedProgress:
    """A fold over what the subagent shows. `call_id` is the call that started it."""

    def __init__(self, call_id: ToolCallId) -> None:
        self.call_id = call_id
        self._calls: dict[ToolCallId, ToolCallPatch] = {}
        self._asked: set[ToolCallId] = set()
        self._message: str = ""
        self._text = ""
        self._shown = ""

    def apply(self, said: events.Event) -> str:
        """Take one event in; the lines if they are others than before, else nothing."""
        match said:
            case events.CallShown(call_id, patch):
                self._calls[call_id] = merge_patches(self._calls.get(call_id, ToolCallPatch()), patch)
            case events.TextChunk(message_id, text):
                before = self._text if message_id == self._message else ""
                self._message, self._text = message_id, (before + text)[-2 * MAX_TEXT :]
            case _:
                return ""
        lines = "\n".join(self._lines())
        if lines == self._shown:
            return ""
        self._shown = lines
        return lines

    def ask(self, call_id: ToolCallId) -> ToolCallPatch:
        """From now on this call is shown as one of the session; what there is of it."""
        self._asked.add(call_id)
        return self._calls.get(call_id, ToolCallPatch())

    def is_asked(self, call_id: ToolCallId) -> bool:
        """Whether `ask` was called for it."""
        return call_id in self._asked

    def open_asked_calls(self) -> list[ToolCallId]:
        """Those calls of the session that have not ended."""
        return sorted(call_id for call_id in self._asked if self._calls[call_id].status not in _MARKS)

    def _lines(self) -> Iterator[str]:
        calls = list(self._calls.values())
        if len(calls) > MAX_CALLS:
            yield f"({len(calls) - MAX_CALLS} calls before)"
        for patch in calls[-MAX_CALLS:]:
            mark = "…" if patch.status is UNSET else _MARKS.get(patch.status, "…")
            title = patch.name if patch.title is UNSET else patch.title
            yield f"- {mark} {title if isinstance(title, str) else 'a call'}"
        text = self._text.strip()
        if text:
            yield ""
            yield text if len(text) <= MAX_TEXT else f"…{text[-MAX_TEXT:]}"
