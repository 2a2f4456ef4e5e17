"""Bold and colored text where the reader can see it, plain text everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TextIO, TypeAlias

Look: TypeAlias = Literal["bold", "dim", "green", "yellow", "red"]

_CODES: dict[Look, str] = {"bold": "1", "dim": "2", "green": "32", "yellow": "33", "red": "31"}


class Style:
    """Paints text for one stream, or leaves it alone."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled

    def paint(self, text: str, look: Look) -> str:
        """`text` with the look around it, if the stream can show it."""
        return f"\x1b[{_CODES[look]}m{text}\x1b[0m" if self.enabled else text


def style_for(stream: TextIO, env: Mapping[str, str]) -> Style:
    """The style a stream can show: none if it is no terminal, `NO_COLOR` is set or `TERM` is `dumb`."""
    return Style(enabled=stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb")
