"""Where in a file the lines are that a model quoted, exactly or nearly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from acp_agent.tools.editing.indentation import Reindent, indentation, relation, same
from acp_agent.tools.editing.lookalikes import looks_of


class Line(msgspec.Struct, frozen=True):
    """One line of a file and how it ends; the last one may have no end."""

    text: str
    end: str


class Place(msgspec.Struct, frozen=True):
    """Lines of a file, `first` counted from 0, `end` not among them.

    `bare_start` says that the model left out the indentation of the first line and of no other.
    """

    first: int
    end: int
    reindent: Reindent
    bare_start: bool = False


def split_lines(text: str) -> list[Line]:
    """The lines of `text`, for which `\\n` and `\\r\\n` are ends; joined they are `text`."""
    *whole, last = text.split("\n")
    lines = [Line(part[:-1], "\r\n") if part.endswith("\r") else Line(part, "\n") for part in whole]
    return [*lines, Line(last, "")] if last else lines


def exact_places(lines: Sequence[Line], quoted: Sequence[str]) -> list[Place]:
    """Every place whose lines are the quoted ones."""
    return [
        Place(first, first + len(quoted), same) for first in windows([line.text for line in lines], quoted)
    ]


def near_places(lines: Sequence[Line], quoted: Sequence[str]) -> list[Place]:
    """Every place whose lines differ from the quoted ones in nothing but their looks.

    That is: an indentation that differs in the same way in all lines, white space at their ends, characters
    that look alike.
    """
    wanted = [looks_of(line) for line in quoted]
    if not any(any(map(str.isalnum, line)) for line in wanted):
        return []  # nothing but signs, such as a brace, is alike to too much
    found: list[Place] = []
    for first in windows([looks_of(line.text) for line in lines], wanted):
        place = _related(lines, quoted, first)
        if place is not None:
            found.append(place)
    return found


def windows(lines: list[str], wanted: Sequence[str]) -> list[int]:
    """Where `wanted` stands in `lines`, counted from 0; later places may overlap earlier ones."""
    counts = Counter(lines)
    offset = min(range(len(wanted)), key=lambda index: counts[wanted[index]])  # of the rarest line
    starts = [at - offset for at, line in enumerate(lines) if line == wanted[offset]]
    whole = list(wanted)
    return [at for at in starts if at >= 0 and lines[at : at + len(whole)] == whole]


def differences(lines: Sequence[Line], quoted: Sequence[str], place: Place) -> list[str]:
    """In what the lines of a near place differ from the quoted ones, in words."""
    pairs = [
        (line.text, quote)
        for line, quote in zip(lines[place.first : place.end], quoted, strict=True)
        if line.text != quote
    ]
    told: list[str] = []
    if any(line.strip() and indentation(line) != indentation(quote) for line, quote in pairs):
        told.append("indentation")
    if any(line.strip() != quote.strip() for line, quote in pairs):
        told.append("look-alike characters")
    if any(_tail(line) != _tail(quote) for line, quote in pairs):
        told.append("white space at line ends")
    return told


def _related(lines: Sequence[Line], quoted: Sequence[str], first: int) -> Place | None:
    pairs = [
        (indentation(quote), indentation(line.text))
        for line, quote in zip(lines[first : first + len(quoted)], quoted, strict=True)
        if quote.strip()
    ]
    reindent = relation(pairs)
    if len(quoted) == 1 and not pairs[0][0] and pairs[0][1]:
        known = pairs[0][1]  # whether the lines to come lack an indentation too, one line does not tell
        return Place(first, first + 1, lambda indent: None if indent else known)
    if reindent is not None:
        return Place(first, first + len(quoted), reindent)
    starts_bare = bool(quoted[0].strip()) and not pairs[0][0]
    reindent = relation(pairs[1:]) if starts_bare else None
    return None if reindent is None else Place(first, first + len(quoted), reindent, bare_start=True)


def _tail(line: str) -> str:
    return line[len(line.rstrip()) :]
