"""Arguments are read while they come in, whatever the pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.turns.partial_json import PartialObject

TEXTS = st.text(st.sampled_from('ab"\\{}[],:\n é😀'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)


def read(*pieces: str) -> JsonObject | None:
    partial = PartialObject()
    for piece in pieces:
        partial.feed(piece)
    return partial.members()


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", None),
        (" ", None),
        ("{", {}),
        ('{"pa', {}),
        ('{"path"', {}),
        ('{"path": ', {}),
        ('{"path": "', {"path": ""}),
        ('{"path": "src/a', {"path": "src/a"}),
        ('{"path": "a\\', None),
        ('{"path": "a\\"b', {"path": 'a"b'}),
        ('{"path": "a\\u00', None),
        ('{"path": "\\ud83d', None),
        ('{"path": "\\ud83d\\ude00', {"path": "😀"}),
        ('{"path": "a", ', {"path": "a"}),
        ('{"line": 12', {}),
        ('{"line": 12,', {"line": 12}),
        ('{"line": 12}', {"line": 12}),
        ('{"edits": [{"a": "b"}, {"a', {}),
        ('{"edits": [{"a": "b"}], "x', {"edits": [{"a": "b"}]}),
        ('{"a": 1} and more', {"a": 1}),
        ("[1, 2]", None),
        ('["a', None),
        ("nonsense", None),
        ('{"a" "b",', None),
        ('{"a": "\ud800"}', None),
    ],
)
def test_what_is_there_is_read_and_nothing_is_guessed(text: str, members: JsonObject | None) -> None:
    assert read(text) == read(*text) == members


@given(OBJECTS, st.booleans(), st.data())
def test_every_beginning_of_an_object_shows_a_beginning_of_its_members(
    whole: dict[str, object], ascii_only: bool, data: st.DataObject
) -> None:
    text = json.dumps(whole, ensure_ascii=ascii_only)
    cut = data.draw(st.integers(0, len(text)))
    middle = data.draw(st.integers(0, cut))
    members = read(text[:middle], text[middle:cut])
    assert members == read(*text[:cut])
    for (name, value), (expected_name, expected) in zip((members or {}).items(), whole.items(), strict=False):
        assert name == expected_name
        if isinstance(value, str) and isinstance(expected, str):
            assert expected.startswith(value)
        else:
            assert value == expected
    assert read(text) == whole


def test_a_completed_member_is_noticed() -> None:
    partial = PartialObject()
    pieces = ["", '{"pa', 'th": ', '"a', '.py"', ', "li', 'ne": 4', ', "x": [', '{"a": "b"}', "]", "}"]
    noticed = [piece for piece in pieces if partial.feed(piece)]
    assert noticed == ['.py"', ', "x": [', "]", "}"]
    assert partial.text == "".join(pieces)
    assert len(partial) == len(partial.text)
