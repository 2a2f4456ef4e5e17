"""What a server reports of a running call, shown to the user no faster than anybody reads."""

from __future__ import annotations

import math
from collections.abc import Callable

import anyio

from acp_agent.model.content import shown_text
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.tools.mcp.text import one_line

INTERVAL = 0.25
"""Seconds from one update to the next."""

MAX_MESSAGE = 500
"""Characters of one message."""


class Progress:
    """The reports of one call: the first is handed on at once, then the latest of each `INTERVAL`."""

    def __init__(self, report: Callable[[ToolCallPatch], None]) -> None:
        self._report = report
        self._latest = ""
        self._shown = ""
        self._closed = False
        self._busy = False  # one of the callers of `take` is showing what they all brought

    async def take(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Show a report, at its time; what comes before that replaces it."""
        self._latest = progress_text(progress, total, message)
        if self._busy:
            return
        self._busy = True
        try:
            while self._shown != self._latest and not self._closed:
                self._shown = self._latest
                self._report(ToolCallPatch(content=(shown_text(self._shown),)))
                await anyio.sleep(INTERVAL)
        finally:
            self._busy = False

    def close(self) -> None:
        """Show nothing more: the call has ended."""
        self._closed = True


def progress_text(progress: float, total: float | None, message: str | None) -> str:
    """A report in one line, such as `Downloading (3 of 10)`."""
    amount = _number(progress) if total is None else f"{_number(progress)} of {_number(total)}"
    text = one_line(message or "", MAX_MESSAGE)
    return f"{text} ({amount})" if text else amount


def _number(value: float) -> str:
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.4g}"
