"""Web pages as text: what a reader sees, with headings, lists and the targets of links."""

from __future__ import annotations

import re
from html.parser import HTMLParser

SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "head", "iframe"})
BLOCKS = frozenset(
    {
        *("p", "div", "section", "article", "header", "footer", "main", "nav", "aside", "ul", "ol", "table"),
        *("tr", "blockquote", "pre", "form", "figure", "hr", "dl", "dt", "dd", "br", "li", "title"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
    }
)
_BLANKS = re.compile(r"[ \t\r\f\v]*\n[ \t\r\f\v]*")
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n{3,}")


def page_text(html: str) -> str:
    """The text of an HTML page; broken markup is read as far as it goes."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._skipping = 0
        self._verbatim = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SKIPPED:
            self._skipping += 1
        elif tag in BLOCKS:
            self._parts.append("\n")
        if tag == "pre":
            self._verbatim += 1
        elif tag == "li":
            self._parts.append("- ")
        elif tag in ("td", "th"):
            self._parts.append(" | ")
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._parts.append("#" * int(tag[1]) + " ")
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in SKIPPED:
            self._skipping = max(self._skipping - 1, 0)
        elif tag in BLOCKS:
            self._parts.append("\n")
        if tag == "pre":
            self._verbatim = max(self._verbatim - 1, 0)
        elif tag == "a" and self._links:
            target = self._links.pop()
            if target.startswith(("http://", "https://")):
                self._parts.append(f" ({target})")

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._parts.append(data if self._verbatim else _SPACES.sub(" ", data.replace("\n", " ")))

    def text(self) -> str:
        joined = _BLANKS.sub("\n", "".join(self._parts))
        return _LINES.sub("\n\n", joined).strip()
