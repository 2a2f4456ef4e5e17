"""The stream of a Messages answer as `ModelDelta`s."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.model.chat import (
    CallArguments,
    CallStarted,
    FinishReason,
    ModelDelta,
    StepFinished,
    TextDelta,
    ThoughtDelta,
    ThoughtSealed,
    Usage,
)
from acp_agent.providers import faults
from acp_agent.providers.anthropic_request import REDACTED
from acp_agent.providers.sse import SseEvent


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Block(msgspec.Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    text: str = ""
    thinking: str = ""
    data: str = ""
    input: JsonObject | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    """All events in one shape: a union tagged by type would reject the types of tomorrow."""

    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: JsonValue = None


_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "refusal": "refusal",
}


class MessagesDecoder:
    """Decodes one answer."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._events = msgspec.json.Decoder(_Event)
        self._tokens = _Usage()
        self._reason: FinishReason | None = None
        self._signature = ""

    def decode(self, event: SseEvent) -> Sequence[ModelDelta]:
        """The deltas in one event; events of unknown type have none.

        Raises:
            ProviderError: the event is an error or not what the service promises.
        """
        try:
            happened = self._events.decode(event.data)
        except (msgspec.MsgspecError, UnicodeError) as exc:
            text = faults.clean(event.data[:2000].decode("utf-8", "replace"))
            what = f"has an event that cannot be read ({exc}): {text}"
            raise faults.bad_stream(self._provider, what, retryable=False) from exc
        match happened.type:
            case "content_block_delta" if happened.delta is not None:
                return self._content(happened.index, happened.delta)
            case "content_block_start" if happened.content_block is not None:
                return self._block(happened.index, happened.content_block)
            case "content_block_stop":
                signature, self._signature = self._signature, ""
                return (ThoughtSealed(signature),) if signature else ()
            case "message_start" if happened.message is not None and happened.message.usage is not None:
                self._count(happened.message.usage)
            case "message_delta":
                if happened.delta is not None and happened.delta.stop_reason is not None:
                    self._reason = _REASONS.get(happened.delta.stop_reason, "stop")
                if happened.usage is not None:
                    self._count(happened.usage)
            case "message_stop":
                finished = self.end()
                if finished is None:
                    raise faults.bad_stream(self._provider, "ended without a reason")
                return (finished,)
            case "error":
                raise faults.refused_in_stream(self._provider, happened.error)
            case _:
                pass  # `ping`, and whatever the service adds: its versioning policy says to ignore those
        return ()

    def end(self) -> StepFinished | None:
        """The end of the step, or None if the service has not given a reason."""
        if self._reason is None:
            return None
        tokens = self._tokens
        cache_read = tokens.cache_read_input_tokens or 0
        cache_write = tokens.cache_creation_input_tokens or 0
        usage = Usage(
            input_tokens=(tokens.input_tokens or 0) + cache_read + cache_write,
            output_tokens=tokens.output_tokens or 0,
            cache_read_tokens=cache_read,
            cache_write_tokens=cache_write,
        )
        return StepFinished(self._reason, usage)

    def _content(self, index: int, delta: _Delta) -> Sequence[ModelDelta]:
        if delta.text:
            return (TextDelta(delta.text),)
        if delta.partial_json:
            return (CallArguments(index, delta.partial_json),)
        if delta.thinking:
            return (ThoughtDelta(delta.thinking),)
        self._signature += delta.signature
        return ()

    def _block(self, index: int, block: _Block) -> Sequence[ModelDelta]:
        match block.type:
            case "tool_use":
                started = CallStarted(index, block.id, block.name)
                # Compatible servers may send the whole input at once.
                return (started, CallArguments(index, dump_text(block.input))) if block.input else (started,)
            case "redacted_thinking":
                self._signature = REDACTED + block.data
                return ()
            case "text" if block.text:
                return (TextDelta(block.text),)
            case "thinking" if block.thinking:
                return (ThoughtDelta(block.thinking),)
            case _:
                return ()

    def _count(self, usage: _Usage) -> None:
        """Take over the numbers given; counts of a message are cumulative, so the latest is the whole."""
        for field in msgspec.structs.fields(_Usage):
            value: int | None = getattr(usage, field.name)
            if value is not None:
                setattr(self._tokens, field.name, value)
