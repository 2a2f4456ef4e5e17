"""What Google's Gemini puts on the wire for one reply: unnamed events, each a response with one more part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from acp_agent.base.jsontext import JsonObject, JsonValue, dump, dump_text
from acp_agent.model.chat import FinishReason, Usage
from acp_agent.testing.model_frames import parsed

if TYPE_CHECKING:
    from acp_agent.testing.model_frames import Dialect

_REASONS: dict[FinishReason, str] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "max_tokens": "MAX_TOKENS",
    "refusal": "SAFETY",
}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_ESCAPED = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&='\u2028\u2029"})
"""What the service writes as escapes; its own clients cut lines at the last two."""

_SIGNATURE = "c2lnbmF0dXJl"


class GeminiDialect:
    """One reply. Its arguments are JSON values, so a call whose arguments are none is one without any."""

    def __init__(self, model: str, number: int) -> None:
        self._model = model
        self._number = number
        self._parts: list[JsonValue] = []

    def opening(self) -> list[bytes]:
        """Nothing: the first event has content."""
        return []

    def thinking(self, pieces: Iterable[str]) -> list[bytes]:
        """Text parts marked as thoughts."""
        return [self._part({"text": piece, "thought": True}) for piece in pieces]

    def text(self, pieces: Iterable[str]) -> list[bytes]:
        """Text parts."""
        return [self._part({"text": piece}) for piece in pieces]

    def call(self, call_id: str, name: str, arguments: str) -> list[bytes]:
        """A function call, whole; the service names no id."""
        call: JsonObject = {"name": name, "args": parsed(arguments)}
        return [self._part({"functionCall": call, "thoughtSignature": _SIGNATURE})]

    def closing(self, reason: FinishReason, usage: Usage) -> list[bytes]:
        """An empty text with the finish reason and the usage; no end mark follows."""
        return [_data(self._response([{"text": ""}], reason, usage))]

    def document(self, reason: FinishReason, usage: Usage) -> bytes:
        """One response with all parts."""
        return dump(self._response(self._parts, reason, usage))

    def error_frame(self, status: int, message: str) -> bytes:
        """An event whose data is the error body."""
        return b"data: " + self.error_body(status, message) + b"\r\n\r\n"

    def error_body(self, status: int, message: str) -> bytes:
        """An object under `error` with the status as number and as name."""
        return dump(
            {"error": {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}}
        )

    def _part(self, part: JsonObject) -> bytes:
        self._parts.append(part)
        return _data(self._response([part]))

    def _response(
        self, parts: list[JsonValue], reason: FinishReason | None = None, usage: Usage | None = None
    ) -> JsonObject:
        candidate: JsonObject = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if reason is not None:
            candidate["finishReason"] = _REASONS[reason]
        body: JsonObject = {"candidates": [candidate]}
        if usage is not None:
            body["usageMetadata"] = _tokens(usage)
        return body | {"modelVersion": self._model, "responseId": f"gemini-{self._number}"}


def _tokens(usage: Usage) -> JsonObject:
    tokens: JsonObject = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input_tokens}],
    }
    if usage.cache_read_tokens:
        tokens["cachedContentTokenCount"] = usage.cache_read_tokens
    return tokens


def _data(body: JsonObject) -> bytes:
    return b"data: " + dump_text(body).translate(_ESCAPED).encode() + b"\r\n\r\n"


if TYPE_CHECKING:
    _: type[Dialect] = GeminiDialect
