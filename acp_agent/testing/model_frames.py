"""What the model services put on the wire for one reply, byte for byte: server-sent events and error bodies.

Pure: a `Dialect` turns the acts of a scripted reply into frames. Who sends them is `model_server`'s business.
Replies are numbered, because clients take those with the same id for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from acp_agent.base.jsontext import JsonObject, JsonValue, dump
from acp_agent.model.chat import FinishReason, Usage

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}

_CHAT_REASONS: dict[FinishReason, str] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "max_tokens": "length",
    "refusal": "content_filter",
}
_MESSAGES_REASONS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "max_tokens": "max_tokens",
    "refusal": "refusal",
}


class Dialect(Protocol):
    """One service's way to stream one reply; asked for frames in the order of the reply."""

    def opening(self) -> list[bytes]:
        """What comes before any content."""
        ...

    def thinking(self, pieces: Iterable[str]) -> list[bytes]:
        """Pieces of thinking."""
        ...

    def text(self, pieces: Iterable[str]) -> list[bytes]:
        """Pieces of the answer."""
        ...

    def call(self, call_id: str, name: str, arguments: str) -> list[bytes]:
        """A tool call, its arguments in two pieces."""
        ...

    def closing(self, reason: FinishReason, usage: Usage) -> list[bytes]:
        """What ends a complete stream."""
        ...

    def error_frame(self, status: int, message: str) -> bytes:
        """An error in the middle of a stream."""
        ...

    def error_body(self, status: int, message: str) -> bytes:
        """The JSON body of an answer with an error status."""
        ...


class ChatDialect:
    """OpenAI's Chat Completions: unnamed events, one JSON chunk each, then `[DONE]`."""

    def __init__(self, model: str, number: int) -> None:
        self._model = model
        self._number = number
        self._n_calls = 0

    def opening(self) -> list[bytes]:
        """The role."""
        return [self._frame({"role": "assistant", "content": ""})]

    def thinking(self, pieces: Iterable[str]) -> list[bytes]:
        """Thinking in the field most compatible servers use."""
        return [self._frame({"reasoning_content": piece}) for piece in pieces]

    def text(self, pieces: Iterable[str]) -> list[bytes]:
        """Content."""
        return [self._frame({"content": piece}) for piece in pieces]

    def call(self, call_id: str, name: str, arguments: str) -> list[bytes]:
        """The head with an empty argument text, then the arguments."""
        index = self._n_calls
        self._n_calls += 1
        function: JsonObject = {"name": name, "arguments": ""}
        head: JsonObject = {"index": index, "id": call_id, "type": "function", "function": function}
        frames = [self._frame({"tool_calls": [head]})]
        for part in _halves(arguments):
            piece: JsonObject = {"index": index, "function": {"arguments": part}}
            frames.append(self._frame({"tool_calls": [piece]}))
        return frames

    def closing(self, reason: FinishReason, usage: Usage) -> list[bytes]:
        """The finish reason, the usage in a chunk without choices, and the end mark."""
        tokens: JsonObject = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        }
        return [
            self._frame({}, finish_reason=_CHAT_REASONS[reason]),
            _data({**self._envelope(), "choices": [], "usage": tokens}),
            b"data: [DONE]\n\n",
        ]

    def error_frame(self, status: int, message: str) -> bytes:
        """An event whose data is the error body."""
        return b"data: " + self.error_body(status, message) + b"\n\n"

    def error_body(self, status: int, message: str) -> bytes:
        """An object under `error`."""
        kind = _ERROR_TYPES.get(status, "server_error")
        return dump({"error": {"message": message, "type": kind, "param": None, "code": None}})

    def _frame(self, delta: JsonObject, *, finish_reason: str | None = None) -> bytes:
        choice: JsonObject = {
            "index": 0,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return _data({**self._envelope(), "choices": [choice], "usage": None})

    def _envelope(self) -> JsonObject:
        return {
            "id": f"chatcmpl-{self._number}",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": self._model,
        }


class MessagesDialect:
    """Anthropic's Messages: named events, content in numbered blocks that open and close."""

    def __init__(self, model: str, number: int, usage: Usage) -> None:
        self._model = model
        self._number = number
        self._usage = usage
        self._n_blocks = 0

    def opening(self) -> list[bytes]:
        """The message without content, what its input cost, and a ping."""
        usage = self._usage
        cached = usage.cache_read_tokens + usage.cache_write_tokens
        message: JsonObject = {
            "id": f"msg_{self._number}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": usage.input_tokens - cached,
                "cache_creation_input_tokens": usage.cache_write_tokens,
                "cache_read_input_tokens": usage.cache_read_tokens,
                "output_tokens": 1,
            },
        }
        return [_named("message_start", {"message": message}), _named("ping", {})]

    def thinking(self, pieces: Iterable[str]) -> list[bytes]:
        """A thinking block; its signature comes last."""
        deltas: list[JsonObject] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
        deltas.append({"type": "signature_delta", "signature": f"sig-{self._n_blocks}"})
        return self._block({"type": "thinking", "thinking": "", "signature": ""}, deltas)

    def text(self, pieces: Iterable[str]) -> list[bytes]:
        """A text block."""
        deltas: list[JsonObject] = [{"type": "text_delta", "text": piece} for piece in pieces]
        return self._block({"type": "text", "text": ""}, deltas)

    def call(self, call_id: str, name: str, arguments: str) -> list[bytes]:
        """A tool use block; the first piece of its input is empty."""
        deltas: list[JsonObject] = [
            {"type": "input_json_delta", "partial_json": part} for part in ("", *_halves(arguments))
        ]
        return self._block({"type": "tool_use", "id": call_id, "name": name, "input": {}}, deltas)

    def closing(self, reason: FinishReason, usage: Usage) -> list[bytes]:
        """The stop reason with what the output cost, and the end."""
        delta: JsonObject = {"stop_reason": _MESSAGES_REASONS[reason], "stop_sequence": None}
        tokens: JsonObject = {"output_tokens": usage.output_tokens}
        return [_named("message_delta", {"delta": delta, "usage": tokens}), _named("message_stop", {})]

    def error_frame(self, status: int, message: str) -> bytes:
        """An `error` event."""
        return b"event: error\ndata: " + self.error_body(status, message) + b"\n\n"

    def error_body(self, status: int, message: str) -> bytes:
        """An object of type `error`."""
        kind = _ERROR_TYPES.get(status, "api_error")
        return dump({"type": "error", "error": {"type": kind, "message": message}})

    def _block(self, start: JsonObject, deltas: Iterable[JsonObject]) -> list[bytes]:
        index = self._n_blocks
        self._n_blocks += 1
        return [
            _named("content_block_start", {"index": index, "content_block": start}),
            *(_named("content_block_delta", {"index": index, "delta": delta}) for delta in deltas),
            _named("content_block_stop", {"index": index}),
        ]


def _data(value: JsonValue) -> bytes:
    return b"data: " + dump(value) + b"\n\n"


def _named(name: str, fields: JsonObject) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + dump({"type": name, **fields}) + b"\n\n"


def _halves(text: str) -> list[str]:
    half = len(text) // 2
    return [part for part in (text[:half], text[half:]) if part]
