"""Text without tricks: what terminals would obey and eyes would miss is removed or made visible."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colors, cursor movement
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_TAGS = range(0xE0000, 0xE0080)
_CONTROLS = (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))
_DROPPED = dict.fromkeys((*_CONTROLS, *_TAGS))
_PICTURED = (
    {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
    | {0x7F: 0x2421}
    | dict.fromkeys((*range(0x80, 0xA0), *_TAGS), 0xFFFD)
)


def plain(text: str) -> str:
    """Terminal output as a reader of the screen would have seen it: no escapes, overwritten lines gone."""
    text = _ESCAPE.sub("", text)
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return text.translate(_DROPPED)


def visible(text: str) -> str:
    """A file's text with control characters as symbols such as `␛`, so that none of them acts or hides."""
    return text.translate(_PICTURED)


def one_line(text: str, limit: int = 200) -> str:
    """`text` on one line of at most `limit` characters for people; the middle is cut, never the end.

    Everything unprintable or invisible, such as line breaks and direction marks, is written as an escape.
    """
    if not text.isprintable():
        text = "".join(
            char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
            for char in text
        )
    if len(text) <= limit:
        return text
    head = limit * 3 // 5
    return f"{text[:head]} … {text[len(text) - (limit - head - 3) :]}"
