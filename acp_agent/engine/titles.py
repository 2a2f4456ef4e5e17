"""A session's title: the first words that the user typed, not those an editor put before them."""

from __future__ import annotations

import re
from datetime import datetime

from acp_agent.model import events
from acp_agent.model.content import Content, Resource, ResourceLink, Text

MAX_TITLE = 80

MAX_LOOKED_AT = 200_000
"""Characters of a text in which its title is looked for: megabytes may be pasted."""

_MARGIN = 50  # times the length of a title is looked at, for what of it is blank

# Editors wrap what they add in tags of their own, such as <context>…</context>, and files in fences.
_OPENING = re.compile(r"[ \t]*(?:<([A-Za-z][\w.:-]*)(?:\s[^<>]*)?>|(```+|~~~+))")
_CLOSING = re.compile(r"</([A-Za-z][\w.:-]*)>[ \t]*$|^[ \t]*(```+|~~~+)[ \t]*$")
_MARKED = re.compile(r"^(?:#{1,6}|>|[-*+])\s+")


def titled(title: str | None, content: tuple[Content, ...], now: datetime) -> tuple[events.TitleChanged, ...]:
    """What names a session without a title after its first prompt."""
    found = title_from(content) if title is None else None
    return () if found is None else (events.TitleChanged(found, now),)


def title_from(content: tuple[Content, ...]) -> str | None:
    """The title that a session with this first prompt gets, None if nothing in it has a name."""
    texts = [part.text[:MAX_LOOKED_AT] for part in content if isinstance(part, Text)]
    typed = [typed_words(text) for text in texts]
    for text in (*typed, *texts):
        words = _words(text)
        if words:
            return shorten(words)
    for part in content:
        name = _name(part)
        if name:
            return shorten(name)
    return None


def typed_words(text: str) -> str:
    """The text without what an editor added to it, and without code in fences.

    It takes time in proportion to the text, whatever is in it: all of what is pasted comes through here.
    """
    lines = text.split("\n")
    closings: dict[str, list[int]] = {}  # where each tag and fence is closed, last place first
    for number in range(len(lines) - 1, -1, -1):
        closing = _CLOSING.search(lines[number])
        if closing is not None:
            closings.setdefault(closing[1] or closing[2], []).append(number)
    kept: list[str] = []
    number = 0
    while number < len(lines):
        opening = _OPENING.match(lines[number])
        end = None if opening is None else _end(opening, number, closings)
        kept.append(lines[number] if end is None else "")
        number = (number if end is None else end) + 1
    return "\n".join(kept)


def shorten(title: str, limit: int = MAX_TITLE) -> str:
    """The title in one line of at most `limit` characters, cut between words where there are any."""
    beginning = title.strip()[: _MARGIN * limit]
    line = " ".join("".join(char if char.isprintable() else " " for char in beginning).split())
    if len(line) <= limit:
        return line
    words, _, rest = line[:limit].rpartition(" ")
    whole = words if words and len(rest) < limit // 2 else line[: limit - 1]
    return whole.rstrip() + "…"


def _end(opening: re.Match[str], number: int, closings: dict[str, list[int]]) -> int | None:
    """The line where it ends what is opened in this one, None if none does."""
    tag, fence = opening[1], opening[2]
    places = closings.get(tag or fence, [])
    while places and places[-1] < number + (fence is not None):
        places.pop()  # lines are asked about in order
    return places[-1] if places else None


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
