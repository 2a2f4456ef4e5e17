"""File name patterns: `*`, `?`, `[a-z]` within a name, `**` for any directories, `{a,b}` for choices.

Names are matched segment by segment with expressions that cannot backtrack, so no pattern is slow.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

MAX_CHOICES = 100
"""Patterns that one pattern with braces may stand for."""

Matcher: TypeAlias = Callable[[Sequence[str]], bool]
"""Whether a relative path, given as its segments, matches."""

_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_Segment: TypeAlias = "re.Pattern[str] | None"  # None stands for `**`


def compile_glob(pattern: str) -> Matcher:
    """The matcher of a pattern relative to the directory where the search starts.

    Raises:
        ValueError: it is absolute, leads upwards, or has too many choices.
    """
    alternatives = [_segments(choice) for choice in _choices(pattern)]

    def matches(path: Sequence[str]) -> bool:
        return any(_match(segments, path) for segments in alternatives)

    return matches


def compile_filter(pattern: str) -> Matcher:
    """As `compile_glob`, but a pattern without `/` matches file names in any directory.

    Raises:
        ValueError: as `compile_glob`, or it is a negation.
    """
    if pattern.startswith("!"):
        raise ValueError("a pattern cannot begin with `!`")
    return compile_glob(pattern if "/" in pattern else f"**/{pattern}")


def _choices(pattern: str) -> list[str]:
    complete: list[str] = []
    open_: list[str] = [pattern]
    while open_:
        current = open_.pop()
        if match := _BRACES.search(current):
            head, tail = current[: match.start()], current[match.end() :]
            open_ += [f"{head}{choice}{tail}" for choice in reversed(match[1].split(","))]
        else:
            complete.append(current)
        if len(complete) + len(open_) > MAX_CHOICES:
            raise ValueError(f"more than {MAX_CHOICES} choices in braces")
    return complete


def _segments(pattern: str) -> list[_Segment]:
    if pattern.startswith("/") or ".." in pattern.split("/") or pattern[1:3] in (":/", ":\\"):
        raise ValueError("a pattern is relative to the searched directory and cannot leave it")
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    return [None if name == "**" else re.compile(fnmatch.translate(name)) for name in names]


def _match(segments: list[_Segment], path: Sequence[str]) -> bool:
    reached = {0}
    for name in path:
        following: set[int] = set()
        for index in _past_any(segments, reached):
            if index < len(segments):
                segment = segments[index]
                if segment is None:
                    following.add(index)
                elif segment.match(name):
                    following.add(index + 1)
        if not following:
            return False
        reached = following
    return len(segments) in _past_any(segments, reached)


def _past_any(segments: list[_Segment], reached: set[int]) -> set[int]:
    """`reached` with the positions behind a `**`, which may stand for no directory at all."""
    everywhere = set(reached)
    for index in reached:
        while index < len(segments) and segments[index] is None:
            index += 1
            everywhere.add(index)
    return everywhere
