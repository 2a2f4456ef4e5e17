"""A session's title: the first words that the user typed, not those an editor put before them."""

from __future__ import annotations

import re
from datetime import datetime

from acp_agent.model import events
from acp_agent.model.content import Content, Resource, ResourceLink, Text

MAX_TITLE = 80

# Editors wrap what they add in tags of their own, such as <context>…</context>, and files in fences.
_TAGGED = re.compile(r"^[ \t]*<([A-Za-z][\w.:-]*)(?:\s[^<>]*)?>.*?</\1>[ \t]*$", re.DOTALL | re.MULTILINE)
_FENCED = re.compile(r"^[ \t]*(```+|~~~+).*?^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_MARKED = re.compile(r"^(?:#{1,6}|>|[-*+])\s+")


def titled(title: str | None, content: tuple[Content, ...], now: datetime) -> tuple[events.TitleChanged, ...]:
    """What names a session without a title after its first prompt."""
    found = title_from(content) if title is None else None
    return () if found is None else (events.TitleChanged(found, now),)


def title_from(content: tuple[Content, ...]) -> str | None:
    """The title that a session with this first prompt gets, None if nothing in it has a name."""
    texts = [part.text for part in content if isinstance(part, Text)]
    typed = [_FENCED.sub("", _TAGGED.sub("", text)) for text in texts]
    for text in (*typed, *texts):
        words = _words(text)
        if words:
            return shorten(words)
    for part in content:
        name = _name(part)
        if name:
            return shorten(name)
    return None


def shorten(title: str, limit: int = MAX_TITLE) -> str:
    """The title in one line of at most `limit` characters, cut between words where there are any."""
    line = " ".join("".join(char if char.isprintable() else " " for char in title).split())
    if len(line) <= limit:
        return line
    words, _, rest = line[:limit].rpartition(" ")
    whole = words if words and len(rest) < limit // 2 else line[: limit - 1]
    return whole.rstrip() + "…"


def _words(text: str) -> str:
    """The text from the first line with a word on, without the mark of a heading, quote or list."""
    found = re.search(r"^.*\w", text, re.MULTILINE)
    return "" if found is None else _MARKED.sub("", text[found.start() :].strip())


def _name(part: Content) -> str:
    match part:
        case ResourceLink(name=name):
            return name
        case Resource(uri=uri):
            return uri.rstrip("/").rpartition("/")[2]
        case _:
            return ""
