"""JSON as RFC 8259 has it, in and out."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.jsontext import MAX_NESTING, InvalidJson, JsonValue, dump, dump_text, load

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_a_value_comes_back_from_one_line(value: JsonValue) -> None:
    text = dump(value)
    assert b"\n" not in text
    assert load(text) == value == json.loads(text)
    assert dump_text(value).encode() == text


@given(st.text() | st.lists(st.text(), max_size=3) | st.dictionaries(st.text(), st.text(), max_size=3))
def test_anything_python_calls_text_can_be_sent(value: JsonValue) -> None:
    assert json.loads(dump(value).decode("utf-8", "strict")) is not None


def test_a_lone_surrogate_is_replaced_wherever_it_stands() -> None:
    assert load(dump({"a\ud800": ["b\udfff", {"c": "\ud83d"}]})) == {"a?": ["b?", {"c": "?"}]}


class _Said(msgspec.Struct):
    parts: tuple[str, ...]


def test_a_lone_surrogate_is_replaced_in_values_of_our_own_too() -> None:
    assert load(dump(_Said(("a\ud800", "b")))) == {"parts": ["a?", "b"]}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_json_does_not_have_becomes_null(number: float) -> None:
    assert dump([number]) == b"[null]"


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b" ", b"{", b"nul", b"{}{}", b"[1,]", b"{'a':1}", b"01", b"+1", b".5", b"1."),
        *(b"NaN", b"Infinity", b"-Infinity", b"1e999"),
        *(b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\n"', b'"\\x41"'),
        *(b"[" * 300 + b"]" * 300, b"[" * 100_000, b'{"a":' * 300 + b"1" + b"}" * 300),
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidJson):
        load(text)


@given(st.binary(max_size=30))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        value = load(text)
    except InvalidJson:
        return
    assert json.loads(text) == value


def test_nesting_is_accepted_up_to_the_limit() -> None:
    deep = b"[" * MAX_NESTING + b"]" * MAX_NESTING
    assert load(deep) is not None
    with pytest.raises(InvalidJson, match=str(MAX_NESTING)):
        load(b"[" + deep + b"]")
    assert load(b"[" + b"[]," * 1000 + b"[]]") == [[]] * 1001


def test_brackets_inside_text_are_no_nesting() -> None:
    assert load(b'"' + b"[" * 1000 + b'"') == "[" * 1000
