from __future__ import annotations

import json
from typing import Any

import pytest

from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import counting_ids
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
from acp_agent.providers.openai_answer import ChatDecoder
from acp_agent.providers.sse import SseEvent


def decoded(*chunks: dict[str, Any] | str) -> list[ModelDelta]:
    decoder = ChatDecoder("test", counting_ids())
    deltas: list[ModelDelta] = []
    for chunk in chunks:
        data = chunk if isinstance(chunk, str) else json.dumps(chunk)
        deltas += decoder.decode(SseEvent(data.encode()))
    return deltas


def delta(finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def call(**fields: Any) -> dict[str, Any]:
    name, arguments = fields.pop("name", None), fields.pop("arguments", None)
    return {**fields, "function": {"name": name, "arguments": arguments}}


def calls(*pieces: dict[str, Any]) -> dict[str, Any]:
    return delta(tool_calls=list(pieces))


def test_text_and_thinking_stream_in_order() -> None:
    assert decoded(
        delta(role="assistant", content=""),
        delta(reasoning_content="hm"),
        delta(reasoning="so"),
        delta(content="Hi", reasoning=None),
        delta(reasoning="b", content="a"),
        delta(refusal="no"),
    ) == [
        ThoughtDelta("hm"),
        ThoughtDelta("so"),
        TextDelta("Hi"),
        ThoughtDelta("b"),
        TextDelta("a"),
        TextDelta("no"),
    ]


def test_usage_comes_from_the_chunk_without_choices() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    assert decoded(delta("stop"), {"choices": [], "usage": usage}, "[DONE]") == [
        StepFinished("stop", Usage(input_tokens=10, output_tokens=3, cache_read_tokens=4))
    ]


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": None, "prompt_tokens_details": None}, {"prompt_tokens_details": {}}]
)
def test_missing_usage_is_nothing(usage: dict[str, Any] | None) -> None:
    assert decoded({**delta("stop"), "usage": usage}, "[DONE]") == [StepFinished("stop", Usage())]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("stop", "stop"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("something_new", "stop"),
    ],
)
def test_finish_reasons(given: str, reason: FinishReason) -> None:
    assert decoded(delta(given), "[DONE]") == [StepFinished(reason, Usage())]


def test_done_without_a_reason_is_a_cut_stream() -> None:
    with pytest.raises(ProviderError, match="without a reason"):
        decoded(delta(content="a"), "[DONE]")


def test_stream_may_end_after_its_reason_without_done() -> None:
    decoder = ChatDecoder("test", counting_ids())
    decoder.decode(SseEvent(json.dumps(delta("length")).encode()))
    assert decoder.end() == StepFinished("max_tokens", Usage())


def test_stream_without_reason_is_incomplete() -> None:
    assert ChatDecoder("test", counting_ids()).end() is None


def test_calls_make_a_step_end_with_calls() -> None:
    finished = decoded(calls(call(index=0, id="a", name="ls", arguments="{}")), delta("stop"), "[DONE]")[-1]
    assert finished == StepFinished("tool_calls", Usage())


def test_calls_cut_off_by_the_length_say_so() -> None:
    finished = decoded(calls(call(index=0, id="a", name="ls", arguments="{")), delta("length"), "[DONE]")[-1]
    assert finished == StepFinished("max_tokens", Usage())


A, B = CallStarted(0, "a", "read"), CallStarted(1, "b", "grep")


@pytest.mark.parametrize(
    ("chunks", "deltas"),
    [
        pytest.param(
            [
                calls(call(index=0, id="a", name="read", arguments="")),
                calls(call(index=0, arguments="{")),
                calls(call(index=1, id="b", name="grep", arguments="")),
                calls(call(index=0, arguments="}"), call(index=1, arguments="{}")),
            ],
            [A, CallArguments(0, "{"), B, CallArguments(0, "}"), CallArguments(1, "{}")],
            id="as OpenAI does, interleaved",
        ),
        pytest.param(
            [
                calls(call(id="a", name="read", arguments="{}")),
                calls(call(id="b", name="grep", arguments="{")),
                calls(call(arguments="}")),
            ],
            [A, CallArguments(0, "{}"), B, CallArguments(1, "{"), CallArguments(1, "}")],
            id="no index",
        ),
        pytest.param(
            [
                calls(call(index=0, id="a", name="read", arguments="{}")),
                calls(call(index=0, id="b", name="grep", arguments="{")),
                calls(call(index=0, arguments="}")),
            ],
            [A, CallArguments(0, "{}"), B, CallArguments(1, "{"), CallArguments(1, "}")],
            id="index always 0",
        ),
        pytest.param(
            [
                calls(call(index=0, id="a", name="read", arguments="{")),
                calls(call(index=0, id="a", name="read", arguments="}")),
                calls(call(id="a", arguments=" ")),
            ],
            [A, CallArguments(0, "{"), CallArguments(0, "}"), CallArguments(0, " ")],
            id="head repeated in every piece",
        ),
        pytest.param(
            [calls(call(name="read", arguments="{}"), call(name="grep", arguments="{}"))],
            [
                CallStarted(0, "call_1", "read"),
                CallArguments(0, "{}"),
                CallStarted(1, "call_2", "grep"),
                CallArguments(1, "{}"),
            ],
            id="neither index nor id",
        ),
        pytest.param(
            [
                calls(call(index=0, id="a", name="read", arguments="{}")),
                calls(call(index=1, id="a", name="grep", arguments="{}")),
            ],
            [A, CallArguments(0, "{}"), CallStarted(1, "call_1", "grep"), CallArguments(1, "{}")],
            id="the same id twice",
        ),
        pytest.param(
            [calls(call(index=0, id="a", name="read", arguments={"path": "x"}))],
            [A, CallArguments(0, '{"path":"x"}')],
            id="arguments as an object",
        ),
        pytest.param(
            [calls({"index": 0, "id": "a"})], [CallStarted(0, "a", "")], id="a call without a function"
        ),
    ],
)
def test_calls_of_all_servers_come_out_alike(chunks: list[dict[str, Any]], deltas: list[ModelDelta]) -> None:
    assert decoded(*chunks) == deltas


def test_unknown_and_null_fields_are_ignored() -> None:
    assert decoded(
        {"choices": None, "obfuscation": "xx"},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"content": None, "tool_calls": None, "annotations": []}}], "x": {}},
        {"id": "x", "error": None, **delta(content="a")},
    ) == [TextDelta("a")]
