from __future__ import annotations

import pytest

from acp_agent.engine.titles import MAX_LOOKED_AT, MAX_TITLE, shorten, title_from
from acp_agent.model.content import Content, Image, Resource, ResourceLink, Text

FILE = "```python\nimport os\nprint(os.getcwd())\n```"


@pytest.mark.parametrize(
    ("texts", "title"),
    [
        (["fix the parser"], "fix the parser"),
        (["fix the\n  parser"], "fix the parser"),
        (["<context>\nopen files: a.py\n</context>\n\nfix the parser"], "fix the parser"),
        (['<file path="a.py">\nx = 1\n</file>\n<rules>be nice</rules>\nfix it'], "fix it"),
        (["<system-reminder>today is Monday</system-reminder>", "fix the parser"], "fix the parser"),
        ([f"{FILE}\nwhat does this do?"], "what does this do?"),
        ([f"what does this do?\n{FILE}"], "what does this do?"),
        (["## Fix the parser"], "Fix the parser"),
        (["> quoted\nand said"], "quoted and said"),
        (["---\n\nfix the parser"], "fix the parser"),
        (["why is <div> closed?"], "why is <div> closed?"),
        (["/review a.py"], "/review a.py"),
        ([FILE], "```python import os print(os.getcwd()) ```"),
        (["<a>only this</a>"], "<a>only this</a>"),
    ],
)
def test_a_title_is_what_the_user_typed(texts: list[str], title: str) -> None:
    assert title_from(tuple(Text(text) for text in texts)) == title


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ((ResourceLink("file:///w/a.py", "a.py"),), "a.py"),
        ((Resource("file:///w/b.py", "x = 1"),), "b.py"),
        ((Image("", "image/png"),), None),
        ((Text(" \n"), Image("", "image/png")), None),
        ((), None),
        ((ResourceLink("file:///w/a.py", "a.py"), Text("explain")), "explain"),
    ],
)
def test_without_words_it_is_the_name_of_what_is_attached(
    content: tuple[Content, ...], title: str | None
) -> None:
    assert title_from(content) == title


def test_a_long_title_ends_with_a_whole_word_if_it_has_words() -> None:
    words = shorten("several words " * 20)
    assert words.endswith(("several…", "words…"))
    assert len(words) <= MAX_TITLE
    assert shorten("x" * 200) == "x" * (MAX_TITLE - 1) + "…"
    assert shorten("a" + " " + "x" * 200) == "a " + "x" * (MAX_TITLE - 3) + "…"


def test_a_title_is_one_line_without_anything_invisible() -> None:
    assert shorten("a\x1b[31m\tred\u2028line\x00") == "a [31m red line"


def test_of_megabytes_only_the_beginning_is_looked_at() -> None:
    assert title_from((Text("\n" * MAX_LOOKED_AT + "too far down"),)) is None
    assert title_from((Text("near\n" * MAX_LOOKED_AT),)) == shorten("near " * 20)
    assert shorten(" " * 100_000 + "a title") == "a title"
