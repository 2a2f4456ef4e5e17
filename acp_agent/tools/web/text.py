"""Web pages as text: what a reader sees, with headings, lists and the targets of links.

The time it takes grows with the page and with nothing in it, for pages are written by strangers: a search
that fails is the last one, and no expression goes back.
"""

from __future__ import annotations

import html
import re

SKIPPED = frozenset({"noscript", "template", "svg", "iframe"})
RAW = frozenset({"script", "style", "title"})
"""Skipped too; nothing is markup in them but their end."""

BLOCKS = frozenset(
    {
        *("p", "div", "section", "article", "header", "footer", "main", "nav", "aside", "ul", "ol", "table"),
        *("tr", "blockquote", "pre", "form", "figure", "hr", "dl", "dt", "dd", "br", "li"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
    }
)

_OPENING = re.compile(r"<(?=[A-Za-z/!?])")
_MARKUP = re.compile(
    r"<!--(?:-?>|.*?--!?>)"
    r"|<(?:!(?!--)|\?|/(?![A-Za-z]))[^>]*+>"
    r"|<(/?)([A-Za-z][^\s/>]*+)((?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+'|(?![\"'])))*+)>",
    re.DOTALL,
)
"""A comment; something else that shows nothing; a tag."""

_HREF = re.compile(r"\shref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_CLOSED = re.compile(r"(?:^|[\s\"'])/\Z")
_RAW_ENDS = {name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE) for name in RAW}
_SPACES = re.compile(r"\s+")
_LINES = re.compile(r"\n{3,}")


def page_text(page: str) -> str:
    """The text of an HTML page; broken markup is read as far as it goes."""
    reader = _Reader()
    at = 0
    while (opening := _OPENING.search(page, at)) is not None:
        reader.say(page[at : opening.start()])
        markup = _MARKUP.match(page, opening.start())
        if markup is None:  # it never ends, so the rest of the page belongs to it
            return reader.text()
        at = markup.end()
        slash, name, attributes = markup.groups("")
        tag = name.lower()  # none of a comment
        if slash:
            reader.end(tag)
        elif tag in SKIPPED | RAW and _CLOSED.search(attributes):
            continue
        elif tag in RAW:
            ended = _RAW_ENDS[tag].search(page, at)
            at = len(page) if ended is None else ended.start()
        else:
            reader.start(tag, attributes)
    reader.say(page[at:])
    return reader.text()


class _Reader:
    """Gathers what is to be seen."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._skipping = 0
        self._verbatim = 0
        self._links: list[str] = []

    def start(self, tag: str, attributes: str) -> None:
        if tag in SKIPPED:
            self._skipping += 1
        elif tag in BLOCKS:
            self._put("\n")
        if tag == "pre":
            self._verbatim += 1
        elif tag == "li":
            self._put("- ")
        elif tag in ("td", "th"):
            self._put(" | ")
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._put("#" * int(tag[1]) + " ")
        elif tag == "a":
            found = _HREF.search(attributes)
            self._links.append("" if found is None else next(filter(None, found.groups()), ""))

    def end(self, tag: str) -> None:
        if tag in SKIPPED:
            self._skipping = max(self._skipping - 1, 0)
        elif tag in BLOCKS:
            self._put("\n")
        if tag == "pre":
            self._verbatim = max(self._verbatim - 1, 0)
        elif tag == "a" and self._links:
            target = self._links.pop()
            if target.startswith(("http://", "https://")):
                self._put(f" ({_unescaped(target)})")

    def say(self, text: str) -> None:
        text = _unescaped(text)
        if not self._verbatim:
            text = _SPACES.sub(" ", text)
            if not self._parts or self._parts[-1].endswith((" ", "\n")):
                text = text.removeprefix(" ")
        self._put(text)

    def text(self) -> str:
        lines = "".join(self._parts).split("\n")
        return _LINES.sub("\n\n", "\n".join(map(str.rstrip, lines))).strip("\n")

    def _put(self, text: str) -> None:
        if text and not self._skipping:
            self._parts.append(text)


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # the number of a character has thousands of digits
        return text
