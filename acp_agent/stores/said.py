"""What people search for: the words said in a session, without case and accents.

Stores without an index of their own look through the words of whole sessions with `SessionWords`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator, Iterator

from acp_agent.base.ids import MessageId
from acp_agent.model import events
from acp_agent.model.content import Text

EXCERPT_LENGTH = 160
"""Characters of text in a search hit, at most."""

_LEAD = 40
_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """The text as it is compared: without case and accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> tuple[str, ...]:
    """Its words, folded, each once, in order."""
    return tuple(dict.fromkeys(_WORD.findall(fold(text))))


def said_in(event: events.Event) -> tuple[MessageId, str] | None:
    """The message the event belongs to and the words it adds to it, or None if it says nothing."""
    if isinstance(event, events.TextChunk):
        return event.message_id, event.text
    if isinstance(event, events.UserSaid):
        return event.message_id, " ".join(part.text for part in event.content if isinstance(part, Text))
    return None


def excerpt(text: str, wanted: tuple[str, ...]) -> str:
    """One line of `text` around the first word that begins with one of `wanted`, else its beginning."""
    place = next((match.start() for match in _WORD.finditer(text) if fold(match[0]).startswith(wanted)), 0)
    start = max(0, place - _LEAD)
    if start:
        start = max(start, text.rfind(" ", 0, place - _LEAD // 2) + 1)
    lead, tail = "…" if start else "", "…" if len(text) > start + EXCERPT_LENGTH else ""
    line = " ".join(text[start : start + EXCERPT_LENGTH].split())
    return f"{lead}{line}{tail}"


class SessionWords:
    """Which of the wanted words a session has, and where; fed with its title and messages."""

    def __init__(self, wanted: tuple[str, ...]) -> None:
        self._wanted = wanted
        self._missing = set(wanted)
        self._place = ""
        self._n_here = 0

    @property
    def complete(self) -> bool:
        """Whether every wanted word was found."""
        return not self._missing

    @property
    def excerpt(self) -> str:
        """Text around a word, from the message that has most of them."""
        return excerpt(self._place, self._wanted)

    def add(self, text: str) -> None:
        """Look through one message."""
        found = set[str]()
        for word in set(_WORD.findall(fold(text))):
            found.update(wanted for wanted in self._wanted if word.startswith(wanted))
        self._missing -= found
        if len(found) >= max(1, self._n_here):
            self._place, self._n_here = text, len(found)


async def look_through(
    title: str | None, journal: AsyncIterator[events.Event], wanted: tuple[str, ...]
) -> str | None:
    """The excerpt of a session that has all `wanted` words, or None."""
    seen = SessionWords(wanted)
    seen.add(title or "")
    message_id, parts = MessageId(""), list[str]()
    async for event in journal:
        said = said_in(event)
        if said is None:
            continue
        if said[0] != message_id:
            seen.add("".join(parts))
            message_id, parts = said[0], []
        parts.append(said[1])
    seen.add("".join(parts))
    return seen.excerpt if seen.complete else None


def joined(said: Iterator[tuple[int, MessageId, str]]) -> Iterator[tuple[int, MessageId, str]]:
    """Neighbouring parts of one message as one, with the number of the first."""
    first, message_id, parts = 0, MessageId(""), list[str]()
    for number, each_id, text in said:
        if parts and each_id == message_id:
            parts.append(text)
            continue
        if parts:
            yield first, message_id, "".join(parts)
        first, message_id, parts = number, each_id, [text]
    if parts:
        yield first, message_id, "".join(parts)
