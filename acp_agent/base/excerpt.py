"""Some lines of a text."""

from __future__ import annotations


def excerpt(text: str, line: int | None, limit: int | None) -> str:
    """At most `limit` lines of `text` from the 1-based `line` on, line ends included; None is no bound."""
    lines = text.split("\n")
    start = (line or 1) - 1
    end = len(lines) if limit is None else min(start + limit, len(lines))
    part = "\n".join(lines[start:end])
    return f"{part}\n" if start < end < len(lines) else part


def count_lines(text: str) -> int:
    """The number of lines; a line end at the very end begins no further one."""
    return text.count("\n") + (not text.endswith("\n")) if text else 0
