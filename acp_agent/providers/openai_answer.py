"""The stream of a Chat Completions answer as `ModelDelta`s.

Compatible servers differ most in tool calls: some leave out the index, some give every call index 0, some
repeat the id in every piece, some give none. What leaves here has one index per call and one id per index.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from acp_agent.base.ids import IdSource
from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.model.chat import (
    CallArguments,
    CallStarted,
    FinishReason,
    ModelDelta,
    StepFinished,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.providers import faults
from acp_agent.providers.sse import SseEvent


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | JsonObject | None = None


class _CallPiece(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_CallPiece] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: JsonValue = None


class _Call(msgspec.Struct):
    """A call being received; `id` is what the server named it, which may be nothing."""

    index: int
    id: str
    name: str


_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "max_tokens",
    "content_filter": "refusal",
}


class ChatDecoder:
    """Decodes one answer."""

    def __init__(self, provider: str, ids: IdSource) -> None:
        self._provider = provider
        self._ids = ids
        self._chunks = msgspec.json.Decoder(_Chunk)
        # In the order they began; the last one receives pieces that name no call.
        self._calls: list[_Call] = []
        # The newest call under each index the server uses.
        self._by_wire_index: dict[int, _Call] = {}
        self._reason: FinishReason | None = None
        self._usage = Usage()

    def decode(self, event: SseEvent) -> Sequence[ModelDelta]:
        """The deltas in one event.

        Raises:
            ProviderError: the event is an error or no chunk, or `[DONE]` came before an end was given.
        """
        data = event.data
        if data == b"[DONE]":
            finished = self.end()
            if finished is None:
                raise faults.bad_stream(self._provider, "ended without a reason")
            return (finished,)
        try:
            chunk = self._chunks.decode(data)
        except (msgspec.MsgspecError, UnicodeError) as exc:
            text = faults.clean(data[:2000].decode("utf-8", "replace"))
            what = f"has an event that is no chunk ({exc}): {text}"
            raise faults.bad_stream(self._provider, what, retryable=False) from exc
        if chunk.error is not None or event.name == b"error":
            raise faults.refused_in_stream(self._provider, chunk.error)
        if chunk.usage is not None:
            self._usage = _usage(chunk.usage)
        if not chunk.choices:
            return ()
        choice = chunk.choices[0]
        if choice.finish_reason:
            self._reason = _REASONS.get(choice.finish_reason, "stop")
        delta = choice.delta
        if delta is None:
            return ()
        return self._deltas(delta)

    def end(self) -> StepFinished | None:
        """The end of the step, or None if the server has not given a reason."""
        reason = self._reason
        if reason is None:
            return None
        if reason == "stop" and self._calls:
            reason = "tool_calls"
        return StepFinished(reason, self._usage)

    def _deltas(self, delta: _Delta) -> list[ModelDelta]:
        deltas: list[ModelDelta] = []
        if thinking := delta.reasoning_content or delta.reasoning:
            deltas.append(ThoughtDelta(thinking))
        if text := delta.content or delta.refusal:
            deltas.append(TextDelta(text))
        for piece in delta.tool_calls or ():
            function = piece.function or _Function()
            call = self._continued(piece, function.name or "")
            if call is None:
                call = self._started(piece, function.name or "")
                deltas.append(CallStarted(call.index, call.id, call.name))
            arguments = function.arguments
            if arguments:
                text = arguments if isinstance(arguments, str) else dump_text(arguments)
                deltas.append(CallArguments(call.index, text))
        return deltas

    def _continued(self, piece: _CallPiece, name: str) -> _Call | None:
        """The call this piece adds to, or None if it begins one."""
        if piece.index is not None:
            call = self._by_wire_index.get(piece.index)
            if call is None or (piece.id and name and piece.id != call.id):
                return None
            return call
        if piece.id:
            return next((call for call in self._calls if call.id == piece.id), None)
        return None if name or not self._calls else self._calls[-1]

    def _started(self, piece: _CallPiece, name: str) -> _Call:
        call_id = piece.id or ""
        if not call_id or any(call.id == call_id for call in self._calls):
            call_id = self._ids("call")
        call = _Call(len(self._calls), call_id, name)
        self._calls.append(call)
        if piece.index is not None:
            self._by_wire_index[piece.index] = call
        return call


def _usage(usage: _Usage) -> Usage:
    details, written = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        input_tokens=usage.prompt_tokens or 0,
        output_tokens=usage.completion_tokens or 0,
        cache_read_tokens=(details.cached_tokens or 0) if details else 0,
        thought_tokens=(written.reasoning_tokens or 0) if written else 0,
    )
