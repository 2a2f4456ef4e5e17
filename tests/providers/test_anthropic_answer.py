from __future__ import annotations

import json
from typing import Any

import pytest

from acp_agent.base.errors import ProviderError
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
from acp_agent.providers.anthropic_answer import MessagesDecoder
from acp_agent.providers.sse import SseEvent


def decoded(*events: dict[str, Any]) -> list[ModelDelta]:
    decoder = MessagesDecoder("test")
    deltas: list[ModelDelta] = []
    for event in events:
        deltas += decoder.decode(SseEvent(json.dumps(event).encode(), event["type"].encode()))
    return deltas


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(stop_reason: str, **usage: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage},
        {"type": "message_stop"},
    )


def test_text_streams() -> None:
    assert decoded(
        {"type": "ping"},
        start(0, type="text", text=""),
        delta(0, type="text_delta", text="a"),
        {"type": "something_new", "delta": {"text": "not for us"}},
        delta(0, type="citations_delta", citation={}),
        delta(0, type="text_delta", text="b"),
        stop(0),
    ) == [TextDelta("a"), TextDelta("b")]


def test_thinking_is_sealed_with_its_whole_signature() -> None:
    assert decoded(
        start(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="hm"),
        delta(0, type="signature_delta", signature="ab"),
        delta(0, type="signature_delta", signature="cd"),
        stop(0),
        start(1, type="text", text=""),
        stop(1),
    ) == [ThoughtDelta("hm"), ThoughtSealed("abcd")]


def test_encrypted_thinking_is_kept_to_be_sent_back() -> None:
    assert decoded(start(0, type="redacted_thinking", data="xyz"), stop(0)) == [ThoughtSealed("redacted:xyz")]


def test_call_streams() -> None:
    assert decoded(
        start(1, type="tool_use", id="toolu_1", name="read", input={}),
        delta(1, type="input_json_delta", partial_json=""),
        delta(1, type="input_json_delta", partial_json='{"path":'),
        delta(1, type="input_json_delta", partial_json='"a"}'),
        stop(1),
    ) == [CallStarted(1, "toolu_1", "read"), CallArguments(1, '{"path":'), CallArguments(1, '"a"}')]


def test_blocks_may_arrive_whole() -> None:
    assert decoded(
        start(0, type="thinking", thinking="hm"),
        start(1, type="text", text="so"),
        start(2, type="tool_use", id="t", name="ls", input={"path": "x"}),
        start(3, type="server_tool_use", id="s", name="web_search", input={"query": "x"}),
    ) == [
        ThoughtDelta("hm"),
        TextDelta("so"),
        CallStarted(2, "t", "ls"),
        CallArguments(2, '{"path":"x"}'),
    ]


def test_usage_counts_cached_input_and_the_last_word_on_output() -> None:
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 3000,
        "output_tokens": 1,
    }
    assert decoded(
        {"type": "message_start", "message": {"usage": usage}}, *end("end_turn", output_tokens=42)
    ) == [
        StepFinished(
            "stop",
            Usage(input_tokens=3210, output_tokens=42, cache_read_tokens=3000, cache_write_tokens=200),
        )
    ]


def test_unknown_counts_are_nothing() -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": None}
    assert decoded({"type": "message_start", "message": {"usage": usage}}, *end("end_turn")) == [
        StepFinished("stop", Usage(input_tokens=10))
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("refusal", "refusal"),
        ("something_new", "stop"),
    ],
)
def test_stop_reasons(given: str, reason: FinishReason) -> None:
    assert decoded(*end(given)) == [StepFinished(reason, Usage())]


def test_end_without_a_reason_is_a_cut_stream() -> None:
    with pytest.raises(ProviderError, match="without a reason"):
        decoded({"type": "message_stop"})


@pytest.mark.parametrize(
    ("kind", "fault", "retryable"),
    [
        ("overloaded_error", "overloaded", True),
        ("api_error", "overloaded", True),
        ("rate_limit_error", "rate_limited", True),
        ("authentication_error", "unauthorized", False),
        ("invalid_request_error", "invalid_request", False),
        ("something_new", "bad_stream", True),
    ],
)
def test_error_events(kind: str, fault: str, retryable: bool) -> None:
    with pytest.raises(ProviderError, match="broke off: Sorry") as caught:
        decoded({"type": "error", "error": {"type": kind, "message": "Sorry"}})
    assert (caught.value.fault, caught.value.retryable) == (fault, retryable)


def test_error_event_about_the_context_is_told_as_such() -> None:
    with pytest.raises(ProviderError) as caught:
        decoded({"type": "error", "error": {"type": "api_error", "message": "prompt is too long"}})
    assert (caught.value.fault, caught.value.retryable) == ("context_too_long", False)
