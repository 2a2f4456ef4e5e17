"""Pages as text: what a reader sees of markup, sane, broken or hostile."""

from __future__ import annotations

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.tools.web.text import page_text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<head><title>x</title><body><p>no end of the head", "no end of the head"),
        ("<pre>def f():\n    return 1 &lt; 2</pre>", "def f():\n    return 1 < 2"),
        ("<p>a <b> b</b>\n  c", "a b c"),
        ("<a title='>' href=http://e.x/?a=1&amp;b=2>there</a>", "there (http://e.x/?a=1&b=2)"),
        ("<script>if (a < b) '<p>'</script>1 < 2<style>p{", "1 < 2"),
        ("<!-- <p>no --><p>yes<!-- no", "yes"),
        ("<!--> a <!---> b <!-- no --!> c <!doctype x> d <?x y?> e </> f", "a b c d e f"),
        ("<p class=it's>one</p><p>two's</p>", "one\n\ntwo's"),
        ("1<svg width='2'/>2<iframe src=x />3<script src='x'/>4<title/>5", "12345"),
        (f"a <img src='data:image/png;base64,{'A' * 100_000}'> b", "a b"),
        ('<p>a <a href="x>b</a> c', "a"),
        (f"<p>&#{'9' * 5_000}; &amp;", f"&#{'9' * 5_000}; &amp;"),
    ],
)
def test_markup_is_read_as_a_reader_sees_it(page: str, text: str) -> None:
    assert page_text(page) == text


@pytest.mark.parametrize("end", ["", ">", "'>"])
@pytest.mark.parametrize(
    "unit",
    [
        *("<", "<a ", "<a x='", '<a x=">" ', '<a ">" ', "<a x= ", "<a href ", "<!--", "<!-- >", "<![CDATA["),
        *("</", "<? ", "<script>", "<pre> ", "<b> </b>", "&#9"),
    ],
)
def test_no_page_takes_long(unit: str, end: str) -> None:
    page_text(unit * (200_000 // len(unit)) + end)  # what grows with the square would take minutes


WORDS = st.text("abc <>&\"'=/!-é", min_size=1, max_size=12)
NAMES = ("p", "div", "b", "span", "li", "td", "x-card", "A", "h2")


def attribute(value: str) -> str:
    return f'title="{html.escape(value, quote=True)}"' if '"' in value else f'title="{value}"'


TEXTS = WORDS.map(html.escape)
ATTRIBUTES = st.lists(WORDS.map(attribute) | st.sampled_from(("hidden", "data-x=1", "id='y\"'")), max_size=2)
LEAVES = (
    TEXTS
    | st.just("<br/>")
    | st.just("<script>if (a < b && c) '</p>'</script>")
    | WORDS.filter(lambda text: "-" not in text and ">" not in text).map(lambda text: f"<!-- {text} -->")
)


def element(name: str, attributes: list[str], inner: list[str]) -> str:
    return f"<{' '.join((name, *attributes))}>{''.join(inner)}</{name}>"


PAGES = st.recursive(
    LEAVES,
    lambda inner: st.builds(element, st.sampled_from(NAMES), ATTRIBUTES, st.lists(inner, max_size=4)),
    max_leaves=12,
)


class Judge(HTMLParser):
    """Gathers the characters that are shown, as Python's own reader finds them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        self.shown.append({"li": "-", "td": "|", "h2": "##"}.get(tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if not self._in_script:
            self.shown.append(data)


@given(PAGES)
def test_sane_pages_say_what_another_reader_finds_in_them(page: str) -> None:
    judge = Judge()
    judge.feed(page)
    judge.close()
    assert "".join(page_text(page).split()) == "".join("".join(judge.shown).split())
