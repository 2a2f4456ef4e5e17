"""Server-sent events from bytes, as the WHATWG HTML standard interprets an event stream.

Every delta of every model passes here, so the parser works on whole chunks: it normalizes line ends once,
splits once, and looks at each line once.
"""

from __future__ import annotations

import codecs

import msgspec

DEFAULT_MAX_EVENT_BYTES = 16 * 1024 * 1024


class EventTooLarge(ValueError):
    """One event of the stream is larger than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"one event is larger than {limit_bytes} bytes")


class SseEvent(msgspec.Struct, frozen=True):
    """One event; `data` is UTF-8 as it came, its lines joined by a newline."""

    data: bytes
    name: bytes = b"message"


class SseParser:
    """Turns the bytes of one stream, in any cut, into events. `id` and `retry` fields are ignored."""

    def __init__(self, *, max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        # The beginning of a line whose end has not come; joined only then: a long line costs linear time.
        self._partial: list[bytes] = []
        # Bytes held in `_partial` and `_data` together.
        self._held = 0
        self._data: list[bytes] = []
        self._name = b""
        # The last chunk ended in CR, which ended a line; an LF at the start of the next one belongs to it.
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that `chunk` completes, in order; an event without its closing blank line is not one.

        Raises:
            EventTooLarge: an event has outgrown the limit; the parser must not be used again.
        """
        if self._at_start:
            chunk = self._without_bom(chunk)
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._partial:
            lines[0] = b"".join((*self._partial, lines[0]))
            self._partial.clear()
        events = self._interpret(lines) if lines else []
        if rest:
            self._partial.append(rest)
            self._hold(len(rest))
        return events

    def _interpret(self, lines: list[bytes]) -> list[SseEvent]:
        events: list[SseEvent] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    content = data[0] if len(data) == 1 else b"\n".join(data)
                    events.append(SseEvent(content, self._name or b"message"))
                    data.clear()
                self._name = b""
                self._held = 0
            elif line.startswith(b"data: "):
                data.append(line[6:])
            elif line.startswith(b"data:"):
                data.append(line[5:])
            elif line == b"data":
                data.append(b"")
            elif line.startswith(b"event:"):
                self._name = line[6:].removeprefix(b" ")
            elif line == b"event":
                self._name = b""
        self._held = 0
        self._hold(sum(map(len, data)) + len(data))
        return events

    def _hold(self, n_bytes: int) -> None:
        self._held += n_bytes
        if self._held > self._limit:
            raise EventTooLarge(self._limit)

    def _without_bom(self, chunk: bytes) -> bytes:
        head = b"".join((*self._partial, chunk))
        if len(head) < len(codecs.BOM_UTF8) and codecs.BOM_UTF8.startswith(head):
            # Could still become a byte order mark; none of its bytes ends a line, so nothing is delayed.
            self._partial = [head] if head else []
            return b""
        self._partial.clear()
        self._held = 0
        self._at_start = False
        return head.removeprefix(codecs.BOM_UTF8)
