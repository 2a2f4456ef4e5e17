"""Trace context as W3C defines it: what is valid is handed on unchanged, what is not is left out."""

from __future__ import annotations

import re

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.jsontext import JsonValue
from acp_agent.base.trace import NO_TRACE, Trace, Tracer, current_trace, joined, read_trace

PARENT = "00-80e1afed08e019fc1110464cfa66635c-7a085853722dc6d2-01"


def test_what_is_valid_is_handed_on_as_it_came() -> None:
    meta: JsonValue = {"traceparent": PARENT, "tracestate": "a=1,b@c=2", "baggage": "user=x", "other": 1}
    trace = read_trace(meta)
    assert trace == Trace(PARENT, "a=1,b@c=2", "user=x")
    assert trace.entries() == {"traceparent": PARENT, "tracestate": "a=1,b@c=2", "baggage": "user=x"}


def test_strangers_get_the_trace_without_the_baggage() -> None:
    assert Trace(PARENT, "a=1", "user=x").headers() == {"traceparent": PARENT, "tracestate": "a=1"}
    assert NO_TRACE.headers() == NO_TRACE.entries() == {}


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        PARENT.upper(),
        PARENT + "-more",
        PARENT + "\n",
        "ff" + PARENT[2:],
        "00-00000000000000000000000000000000-7a085853722dc6d2-01",
        "00-80e1afed08e019fc1110464cfa66635c-0000000000000000-01",
        None,
        5,
        [PARENT],
    ],
    ids=str,
)
def test_a_broken_parent_takes_its_state_with_it(parent: JsonValue) -> None:
    assert read_trace({"traceparent": parent, "tracestate": "a=1", "baggage": "c=d"}) == Trace(baggage="c=d")


def test_a_later_version_may_say_more() -> None:
    parent = "01" + PARENT[2:] + "-what-comes"
    assert read_trace({"traceparent": parent}) == Trace(parent)


@pytest.mark.parametrize(
    "state",
    [
        "a",
        "a=1,a=2",
        "A=1",
        "a=1\r\nx: y",
        "a=ü",
        "=1",
        ",".join(f"k{n}=1" for n in range(33)),
        3,
        "a=" * 9_000,
    ],
    ids=lambda state: str(state)[:20],
)
def test_a_broken_state_is_left_out(state: JsonValue) -> None:
    assert read_trace({"traceparent": PARENT, "tracestate": state}) == Trace(PARENT)


@pytest.mark.parametrize("baggage", ["", "x", "a=\n", "a=ü", 7, None, "a=" + "b" * 8_192])
def test_broken_baggage_is_left_out(baggage: JsonValue) -> None:
    assert read_trace({"baggage": baggage}) == NO_TRACE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
VALUES = (
    JSON
    | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
    | st.text("a=,;b 1", max_size=9)
)


@given(
    JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("traceparent", "tracestate", "baggage"), VALUES))
)
def test_whatever_a_meta_holds_the_headers_can_be_sent(meta: JsonValue) -> None:
    for name, value in read_trace(meta).entries().items():
        assert name in ("traceparent", "tracestate", "baggage")
        assert re.fullmatch(r"[\x20-\x7e]+", value)


async def test_the_place_belongs_to_the_task_and_to_what_it_starts() -> None:
    seen: dict[str, Trace] = {}

    async def look(name: str) -> None:
        await anyio.lowlevel.checkpoint()
        seen[name] = current_trace()

    async with anyio.create_task_group() as tasks:
        with joined(Trace(PARENT)):
            tasks.start_soon(look, "inside")
        tasks.start_soon(look, "outside")
    assert seen == {"inside": Trace(PARENT), "outside": NO_TRACE}


def test_without_a_tracer_a_span_changes_nothing() -> None:
    with joined(Trace(PARENT)), Tracer().span("x", {}) as note:
        note({"a": 1})
        assert current_trace() == Trace(PARENT)
