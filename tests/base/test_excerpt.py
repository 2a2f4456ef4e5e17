"""Parts of a text by lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.excerpt import count_lines, excerpt

TEXTS = st.text("a\r\n", max_size=12)


@pytest.mark.parametrize(
    ("line", "limit", "part"),
    [
        (None, None, "1\n2\n3\n"),
        (1, 1, "1\n"),
        (2, None, "2\n3\n"),
        (2, 9, "2\n3\n"),
        (3, 1, "3\n"),
        (4, 1, ""),
        (9, None, ""),
        (1, 0, ""),
    ],
)
def test_lines_are_counted_from_one(line: int | None, limit: int | None, part: str) -> None:
    assert excerpt("1\n2\n3\n", line, limit) == part


@given(TEXTS, st.integers(1, 6))
def test_parts_in_a_row_make_the_whole(text: str, limit: int) -> None:
    parts = [excerpt(text, line, limit) for line in range(1, count_lines(text) + 1, limit)]
    assert "".join(parts) == text
    assert all(count_lines(part) <= limit for part in parts)


@given(TEXTS)
def test_lines_are_those_between_line_ends(text: str) -> None:
    assert count_lines(text) == len(text.removesuffix("\n").split("\n")) if text else count_lines(text) == 0
