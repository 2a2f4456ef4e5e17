"""Tool calls while the model is still writing them: shown from their name on, never run.

What a call shows is refreshed at most every `SHOW_INTERVAL` seconds or when an argument is complete, and only
after the arguments have grown by an eighth. So everything that is shown of a call is together no more than
some times its arguments, however many pieces they come in.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import msgspec

from acp_agent.base.ids import ToolCallId
from acp_agent.base.jsontext import InvalidJson, JsonObject, load
from acp_agent.engine.turns.partial_json import PartialObject
from acp_agent.model.content import shown_text
from acp_agent.model.toolcall import ToolCall, ToolCallPatch, ToolKind

SHOW_INTERVAL = 0.1
"""Seconds between two refreshes of what a call shows, unless an argument was completed."""

MAX_NAME = 64

_MAX_HEADLINE = 120


class Draft:
    """One call as far as the model has written it. Its id is final: no other call has it or will have it."""

    def __init__(
        self, call_id: ToolCallId, name: str, clock: Callable[[], float] = anyio.current_time
    ) -> None:
        self.call_id = call_id
        self.name = legal_name(name)
        self._clock = clock
        self._arguments = PartialObject()
        self._shown: JsonObject = {}
        self._shown_length = 0
        self._next = clock() + SHOW_INTERVAL

    def opening(self, kind: ToolKind) -> ToolCallPatch:
        """What is shown when the model has named the tool."""
        return ToolCallPatch(name=self.name, title=self.name, kind=kind, status="pending")

    def feed(self, piece: str) -> ToolCallPatch | None:
        """Take in more of the arguments; what is to be shown now, if anything."""
        completed = self._arguments.feed(piece)
        if not completed and self._clock() < self._next:
            return None
        if len(self._arguments) * 8 < self._shown_length * 9:
            return None
        return self.progress()

    def progress(self) -> ToolCallPatch | None:
        """What is known of the arguments and not shown yet."""
        if len(self._arguments) == self._shown_length:
            return None
        members = self._arguments.members()
        if members is None or members == self._shown:
            return None
        self._shown, self._shown_length = members, len(self._arguments)
        self._next = self._clock() + SHOW_INTERVAL
        patch = ToolCallPatch(raw_input=members)
        headline = _headline(members)
        return msgspec.structs.replace(patch, title=f"{self.name}: {headline}") if headline else patch

    def finish(self) -> ToolCall:
        """The call in a form every provider accepts back: a legal name, an object of arguments."""
        text = self._arguments.text.strip() or "{}"
        try:
            arguments = load(text.encode())
        except (InvalidJson, UnicodeEncodeError) as exc:
            return ToolCall(self.call_id, self.name, None, fault=str(exc))
        if not isinstance(arguments, dict):
            return ToolCall(self.call_id, self.name, None, fault="they are not an object")
        return ToolCall(self.call_id, self.name, arguments)


def dropped(why: str) -> ToolCallPatch:
    """How a call ends that the model did not finish."""
    return ToolCallPatch(status="failed", content=(shown_text(why),))


def is_plain(text: str) -> bool:
    """Whether every provider takes `text` as the name of a tool or the id of a call."""
    return 0 < len(text) <= MAX_NAME and text.isascii() and text.replace("-", "a").replace("_", "a").isalnum()


def legal_name(name: str) -> str:
    """`name` with everything replaced that some provider refuses."""
    return "".join(char if is_plain(char) else "_" for char in name)[:MAX_NAME] or "unnamed"


def _headline(members: JsonObject) -> str:
    """The first argument that fits into a title; by convention it says what the call is about."""
    for value in members.values():
        if isinstance(value, str) and value and len(value) <= _MAX_HEADLINE and value.isprintable():
            return value
    return ""
