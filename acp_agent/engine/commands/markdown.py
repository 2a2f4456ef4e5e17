"""Text from elsewhere inside Markdown of ours: on one line, not too long, and none of it is markup."""

from __future__ import annotations

MAX_LENGTH = 300
"""Characters that are shown of one text."""


def code(text: str) -> str:
    """The text as inline code."""
    line = one_line(text)
    fence = "`"
    while fence in line:
        fence += "`"
    return f"{fence}{line}{fence}" if len(fence) == 1 else f"{fence} {line} {fence}"


def one_line(text: str) -> str:
    """The text with single blanks in place of everything that is blank or cannot be shown."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 2 * MAX_LENGTH])
    line = " ".join(shown.split())
    return line if len(line) <= MAX_LENGTH and len(text) <= 2 * MAX_LENGTH else f"{line[: MAX_LENGTH - 1]}…"
