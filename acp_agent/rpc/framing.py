"""Cutting a byte stream into lines, with a limit that is survived."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

DEFAULT_FRAME_LIMIT = 64 * 1024 * 1024
"""Bytes of one line we accept unless told otherwise."""


class Oversized(msgspec.Struct, frozen=True):
    """Stands for a line that was longer than `limit` bytes and was dropped."""

    limit: int


Frame: TypeAlias = bytes | Oversized


class LineFramer:
    """Turns chunks of bytes into lines without their end.

    Lines end with LF; a CR before it and a byte order mark at the very start are dropped, empty lines too.
    A line over the limit is reported once, as soon as it is known to be too long; its rest is skipped up
    to the next LF and everything after is read as usual.
    """

    def __init__(self, limit: int = DEFAULT_FRAME_LIMIT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []  # the unfinished line; its length is always `_size`
        self._size = 0
        self._skipping = False
        self._at_start = True

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete after this chunk, in order."""
        frames: list[Frame] = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._extend(piece, frames)
            if not self._skipping:
                self._close(frames)
            self._parts, self._size, self._skipping = [], 0, False
        self._extend(rest, frames)
        return frames

    def finish(self) -> list[Frame]:
        """The last line, if the stream ended without a newline."""
        frames: list[Frame] = []
        if not self._skipping:
            self._close(frames)
        self._parts, self._size, self._skipping = [], 0, False
        return frames

    def _extend(self, piece: bytes, frames: list[Frame]) -> None:
        if self._skipping or not piece:
            return
        self._size += len(piece)
        if self._size > self._limit:
            self._parts = []
            self._skipping = True
            frames.append(Oversized(self._limit))
        else:
            self._parts.append(piece)

    def _close(self, frames: list[Frame]) -> None:
        line = b"".join(self._parts)
        if self._at_start:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._at_start = False
        line = line.strip(b" \t\r")
        if line:
            frames.append(line)
