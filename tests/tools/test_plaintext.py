"""Nothing that a terminal would obey reaches a model or a title."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.fence import fenced
from acp_agent.tools.plaintext import one_line, plain, visible


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;c2VjcmV0\x1b\\after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(Bplain\x1b7", "plain"),
        ("\x9b31mred", "red"),
        ("unfinished \x1b[", "unfinished "),
        ("10%\r50%\r100%\n", "100%\n"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("tab\tbell\x07null\0del\x7f", "tab\tbellnulldel"),
        ("hidden\U000e0041\U000e0042 text", "hidden text"),
        ("äöü 日本 👍", "äöü 日本 👍"),
    ],
)
def test_terminal_output_is_what_the_screen_showed(raw, text):
    assert plain(raw) == text


@given(st.text())
def test_plain_text_has_no_controls_and_stays_as_it_is(text):
    once = plain(text)
    assert not any((ord(char) < 32 and char not in "\t\n") or 127 <= ord(char) < 160 for char in once)
    assert plain(once) == once


@given(st.text())
def test_visible_text_keeps_its_length_and_lines(text):
    shown = visible(text)
    assert len(shown) == len(text)
    assert shown.count("\n") == text.count("\n")
    assert "\x1b" not in shown


@given(st.text(), st.integers(20, 100))
def test_one_line_is_printable_and_bounded(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()


def test_one_line_keeps_both_ends():
    assert one_line("a" * 300 + "the end", 20) == "aaaaaaaaaaaa … e end"
    assert one_line("a\u202eb\u200b\n") == r"a\u202eb\u200b\n"


def test_a_lone_surrogate_is_escaped():
    assert one_line("a\ud800") == r"a\ud800"


def test_a_fence_is_longer_than_any_inside():
    assert fenced("a", "sh") == "```sh\na\n```"
    assert fenced("````\n") == "`````\n````\n`````"
