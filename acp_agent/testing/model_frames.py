"""What the model services put on the wire for one reply: server-sent events, whole documents, error bodies.

Pure: a `Dialect` turns the acts of a scripted reply into frames. Who sends them is `model_server`'s business.
Replies are numbered, because clients take those with the same id for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from acp_agent.base.jsontext import InvalidJson, JsonObject, JsonValue, dump, load
from acp_agent.model.chat import FinishReason, Usage

_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}

_OPENAI_ERRORS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", None),
    404: ("invalid_request_error", "model_not_found"),
    413: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"),
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
    """One service's way to tell one reply; asked for frames in the order of the reply, streamed or not."""

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

    def document(self, reason: FinishReason, usage: Usage) -> bytes:
        """All that was asked for until now, as the body of an answer that is not streamed."""
        ...

    def error_frame(self, status: int, message: str) -> bytes:
        """An error in the middle of a stream."""
        ...

    def error_body(self, status: int, message: str) -> bytes:
        """The JSON body of an answer with an error status."""
        ...


class ChatDialect:
    """OpenAI's Chat Completions: unnamed events, one JSON chunk each, then `[DONE]`."""

    def __init__(self, body: JsonObject, number: int) -> None:
        self._model = str(body.get("model", ""))
        self._number = number
        options = body.get("stream_options")
        self._tells_usage = isinstance(options, dict) and options.get("include_usage") is True
        self._content = ""
        self._thinking = ""
        self._calls: list[JsonValue] = []

    def opening(self) -> list[bytes]:
        """The role."""
        return [self._frame({"role": "assistant", "content": "", "refusal": None})]

    def thinking(self, pieces: Iterable[str]) -> list[bytes]:
        """Thinking in the field most compatible servers use."""
        self._thinking += "".join(kept := list(pieces))
        return [self._frame({"reasoning_content": piece}) for piece in kept]

    def text(self, pieces: Iterable[str]) -> list[bytes]:
        """Content."""
        self._content += "".join(kept := list(pieces))
        return [self._frame({"content": piece}) for piece in kept]

    def call(self, call_id: str, name: str, arguments: str) -> list[bytes]:
        """The head with an empty argument text, then the arguments."""
        index = len(self._calls)
        call: JsonObject = {"id": call_id, "type": "function"}
        self._calls.append({**call, "function": {"name": name, "arguments": arguments}})
        head: JsonObject = {"index": index, **call, "function": {"name": name, "arguments": ""}}
        frames = [self._frame({"tool_calls": [head]})]
        for part in halves(arguments):
            piece: JsonObject = {"index": index, "function": {"arguments": part}}
            frames.append(self._frame({"tool_calls": [piece]}))
        return frames

    def closing(self, reason: FinishReason, usage: Usage) -> list[bytes]:
        """The finish reason, the usage in a chunk without choices if it was asked for, and the end mark."""
        frames = [self._frame({}, finish_reason=_CHAT_REASONS[reason])]
        if self._tells_usage:
            frames.append(
                _data({**self._envelope("chat.completion.chunk"), "choices": [], "usage": _tokens(usage)})
            )
        return [*frames, b"data: [DONE]\n\n"]

    def document(self, reason: FinishReason, usage: Usage) -> bytes:
        """One choice with the message."""
        content = self._content or (None if self._calls else "")
        message: JsonObject = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
        if self._thinking:
            message["reasoning_content"] = self._thinking
        if self._calls:
            message["tool_calls"] = [*self._calls]
        choice = _choice(finish_reason=_CHAT_REASONS[reason], message=message)
        return dump({**self._envelope("chat.completion"), "choices": [choice], "usage": _tokens(usage)})

    def error_frame(self, status: int, message: str) -> bytes:
        """An event whose data is the error body."""
        return b"data: " + self.error_body(status, message) + b"\n\n"

    def error_body(self, status: int, message: str) -> bytes:
        """An object under `error`."""
        return openai_error(status, message)

    def _frame(self, delta: JsonObject, *, finish_reason: str | None = None) -> bytes:
        choice = _choice(finish_reason=finish_reason, delta=delta)
        frame: JsonObject = {**self._envelope("chat.completion.chunk"), "choices": [choice]}
        return _data({**frame, "usage": None} if self._tells_usage else frame)

    def _envelope(self, kind: str) -> JsonObject:
        return {
            "id": f"chatcmpl-{self._number}",
            "object": kind,
            "created": 1_700_000_000,
            "model": self._model,
            "service_tier": "default",
            "system_fingerprint": None,
        }


class MessagesDialect:
    """Anthropic's Messages: named events, content in numbered blocks that open and close."""

    def __init__(self, model: str, number: int, usage: Usage) -> None:
        self._model = model
        self._number = number
        self._usage = usage
        self._content: list[JsonValue] = []

    def opening(self) -> list[bytes]:
        """The message without content, what its input cost, and a ping."""
        return [_named("message_start", {"message": self._message(None, 1)}), _named("ping", {})]

    def thinking(self, pieces: Iterable[str]) -> list[bytes]:
        """A thinking block; its signature comes last."""
        text = "".join(kept := list(pieces))
        signature = f"sig-{len(self._content)}"
        deltas: list[JsonObject] = [{"type": "thinking_delta", "thinking": piece} for piece in kept]
        deltas.append({"type": "signature_delta", "signature": signature})
        block: JsonObject = {"type": "thinking", "thinking": "", "signature": ""}
        return self._block(block, deltas, {**block, "thinking": text, "signature": signature})

    def text(self, pieces: Iterable[str]) -> list[bytes]:
        """A text block."""
        text = "".join(kept := list(pieces))
        deltas: list[JsonObject] = [{"type": "text_delta", "text": piece} for piece in kept]
        block: JsonObject = {"type": "text", "text": ""}
        return self._block(block, deltas, {**block, "text": text})

    def call(self, call_id: str, name: str, arguments: str) -> list[bytes]:
        """A tool use block; the first piece of its input is empty."""
        deltas: list[JsonObject] = [
            {"type": "input_json_delta", "partial_json": part} for part in ("", *halves(arguments))
        ]
        block: JsonObject = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        return self._block(block, deltas, {**block, "input": parsed(arguments)})

    def closing(self, reason: FinishReason, usage: Usage) -> list[bytes]:
        """The stop reason with what the output cost, and the end."""
        delta: JsonObject = {"stop_reason": _MESSAGES_REASONS[reason], "stop_sequence": None}
        tokens: JsonObject = {"output_tokens": usage.output_tokens}
        return [_named("message_delta", {"delta": delta, "usage": tokens}), _named("message_stop", {})]

    def document(self, reason: FinishReason, usage: Usage) -> bytes:
        """The whole message."""
        return dump(self._message(_MESSAGES_REASONS[reason], usage.output_tokens))

    def error_frame(self, status: int, message: str) -> bytes:
        """An `error` event."""
        return b"event: error\ndata: " + self.error_body(status, message) + b"\n\n"

    def error_body(self, status: int, message: str) -> bytes:
        """An object of type `error`."""
        kind = _ANTHROPIC_ERRORS.get(status, "api_error")
        error: JsonObject = {"type": kind, "message": message}
        return dump({"type": "error", "error": error, "request_id": f"req_{self._number}"})

    def _message(self, stop_reason: str | None, output_tokens: int) -> JsonObject:
        usage = self._usage
        cached = usage.cache_read_tokens + usage.cache_write_tokens
        return {
            "id": f"msg_{self._number}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [*self._content],
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": usage.input_tokens - cached,
                "cache_creation_input_tokens": usage.cache_write_tokens,
                "cache_read_input_tokens": usage.cache_read_tokens,
                "output_tokens": output_tokens,
            },
        }

    def _block(self, start: JsonObject, deltas: Iterable[JsonObject], whole: JsonObject) -> list[bytes]:
        index = len(self._content)
        self._content.append(whole)
        return [
            _named("content_block_start", {"index": index, "content_block": start}),
            *(_named("content_block_delta", {"index": index, "delta": delta}) for delta in deltas),
            _named("content_block_stop", {"index": index}),
        ]


def openai_error(status: int, message: str) -> bytes:
    """The body of both of OpenAI's services."""
    kind, code = _OPENAI_ERRORS.get(status, ("server_error", None))
    return dump({"error": {"message": message, "type": kind, "param": None, "code": code}})


def halves(text: str) -> list[str]:
    """The text in two pieces, neither of them empty."""
    half = len(text) // 2
    return [part for part in (text[:half], text[half:]) if part]


def parsed(arguments: str) -> JsonValue:
    """The arguments of a call for services that tell them as JSON; wrong ones are none."""
    try:
        return load(arguments.encode())
    except InvalidJson:
        return {}


def _choice(*, finish_reason: str | None, **content: JsonObject) -> JsonObject:
    return {"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}


def _tokens(usage: Usage) -> JsonObject:
    """What OpenAI's Chat Completions says it cost."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _data(value: JsonValue) -> bytes:
    return b"data: " + dump(value) + b"\n\n"


def _named(name: str, fields: JsonObject) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + dump({"type": name, **fields}) + b"\n\n"
