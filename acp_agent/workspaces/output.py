"""The end of a long output, and when to show it."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable

REPORT_INTERVAL = 0.1
"""Seconds between two reports of growing output."""


class OutputTail:
    """The last `limit` characters of a byte stream; memory stays near the limit however much passes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: deque[str] = deque()
        self._held = 0
        self._seen = 0

    @property
    def truncated(self) -> bool:
        """Whether the front was cut."""
        return self._seen > self._limit

    @property
    def text(self) -> str:
        """What is kept, at most `limit` characters."""
        text = "".join(self._parts)
        return text[max(0, len(text) - self._limit) :]

    def feed(self, data: bytes) -> None:
        """Add bytes; one that begins a character waits for the rest of it."""
        self._add(self._decoder.decode(data))

    def finish(self) -> None:
        """No bytes follow: an unfinished character becomes U+FFFD."""
        self._add(self._decoder.decode(b"", final=True))

    def _add(self, text: str) -> None:
        if not text:
            return
        self._parts.append(text)
        self._held += len(text)
        self._seen += len(text)
        while self._held - len(self._parts[0]) >= self._limit:
            self._held -= len(self._parts.popleft())


class Throttle:
    """Calls `report` at most once per `REPORT_INTERVAL`, and never forgets that a call is owed."""

    def __init__(self, report: Callable[[], None], clock: Callable[[], float]) -> None:
        self._report = report
        self._clock = clock
        self._next = clock()
        self._owed = False

    @property
    def due_in(self) -> float | None:
        """Seconds until an owed report may go out, or None when nothing is owed."""
        return max(0.0, self._next - self._clock()) if self._owed else None

    def changed(self) -> None:
        """Something is new: report it now, or owe it."""
        self._owed = True
        if self._clock() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Report now if a report is owed."""
        if self._owed:
            self._owed = False
            self._next = self._clock() + REPORT_INTERVAL
            self._report()
