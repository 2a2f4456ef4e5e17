"""Quotes that were spelled wrong as a whole: escaped once too often, or copied with line numbers.

What was meant is only told: the new text may be spelled wrong too, or rightly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NUMBER = re.compile(r"\s*\d+(?:\t|→|[|:] ?)")
_READ_NUMBER = re.compile(r"\s*\d+[\t→]")
_ESCAPE = re.compile(r"\\([nt\"'])")
_ESCAPED = {"n": "\n", "t": "\t"}
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d+|#x[0-9a-fA-F]+);")
_FENCE = re.compile(r"\s*```")


def meant(quoted: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """What the lines may have been meant to be, each with what to do about it."""
    if any(map(_NUMBER.match, quoted)):
        yield (
            [_NUMBER.sub("", line, count=1) for line in quoted],
            "leave out the line numbers that `read` shows",
        )
    text = "\n".join(quoted)
    if _ESCAPE.search(text):
        escaped = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)
        yield escaped.split("\n"), "write its escapes, such as `\\n`, as what they stand for"
    if _ENTITY.search(text):
        import html  # lazy: its table of names, only for a failed edit

        yield html.unescape(text).split("\n"), "write its entities, such as `&lt;`, as what they stand for"
    if _FENCE.match(quoted[0]):
        yield [line for line in quoted if not _FENCE.match(line)], "leave out the fence of backticks"


def is_numbered(quoted: Sequence[str]) -> bool:
    """Whether every line begins with its number as `read` shows it; `80: x` may be what a file holds."""
    return all(_READ_NUMBER.match(line) for line in quoted if line.strip())
