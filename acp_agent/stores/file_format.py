"""How a session looks in files: a JSON file with one event to a line, and lines for what came since.

    NAME.json     {"format": 1, "session": …, "segment": …, "parent": …, "blobs": […], "events": [
                  EVENT,
                  EVENT
                  ]}
    NAME.jsonl    {"segment": …, "base": …}
                  {"at": …, "events": [EVENT, …]}      what one append added
                  {"record": …}                        the record as it is from here on
                  {"blob": …}                          a blob the session uses

`segment` names the events of one file for good; a fork refers to them by it. The lines belong to a JSON file
of the same segment with `base` events, and count for nothing beside any other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from acp_agent.base import jsontext
from acp_agent.base.errors import StoreCorrupt, StoreTooNew
from acp_agent.base.ids import SessionId
from acp_agent.model.session import SessionRecord

FORMAT = 1
_EVENTS = b'"events": [\n'
_END = b"]}\n"
_MAX_HEAD_LINES = 16


class Link(msgspec.Struct, frozen=True):
    """The first `n_events` of a session's journal, which is where a fork begins."""

    session: SessionId
    segment: str
    n_events: int


class Head(msgspec.Struct, frozen=True):
    """All of a JSON file but its events; `session.n_events` counts those of the parent too."""

    format: int
    session: SessionRecord
    segment: str
    parent: Link | None = None
    blobs: tuple[str, ...] = ()

    @property
    def n_inherited(self) -> int:
        """Events that lie in the parent's files."""
        return 0 if self.parent is None else self.parent.n_events


class _Document(Head, frozen=True):
    events: tuple[msgspec.Raw, ...] = ()


_Head = TypeVar("_Head", bound=Head)


class _Format(msgspec.Struct):
    format: int = 0


class Base(msgspec.Struct, frozen=True):
    """The first of the lines: what they continue."""

    segment: str
    base: int


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the lines behind it."""

    at: datetime | None = None
    events: tuple[msgspec.Raw, ...] = ()
    record: SessionRecord | None = None
    blob: str | None = None


class Lines(msgspec.Struct, frozen=True):
    """What the lines of a session add up to.

    Attributes:
        base: what they continue; None if nothing was ever written, or never whole.
        n_events: events in them.
        changed_at: when the last ones were added.
        record: the last record in them.
        blobs: blobs named in them.
        size_bytes: where the last whole line ends.
        n_torn: bytes behind it, which are part of a line a crash cut off.
        n_damaged: whole lines that cannot be read.
    """

    base: Base | None
    n_events: int = 0
    changed_at: datetime | None = None
    record: SessionRecord | None = None
    blobs: tuple[str, ...] = ()
    size_bytes: int = 0
    n_torn: int = 0
    n_damaged: int = 0


def document(head: Head, events: Iterable[bytes]) -> Iterator[bytes]:
    """A JSON file, part by part."""
    yield b"{\n"
    for name in head.__struct_fields__:
        yield b'"%s": %s,\n' % (name.encode(), jsontext.dump(getattr(head, name)))
    yield _EVENTS
    separator = b""
    for event in events:
        yield separator + event
        separator = b",\n"
    yield b"\n" + _END if separator else _END


def line(value: Base | Entry) -> bytes:
    """One line."""
    return jsontext.dump(value) + b"\n"


def read_head(file: IO[bytes], path: Path) -> tuple[Head, bool]:
    """The head of a JSON file, which is then read up to its events, and whether these have a line each.

    A file that was edited and lost its lines is read whole by `read_events`.

    Raises:
        StoreCorrupt: it is no session.
        StoreTooNew: a later version wrote it.
    """
    lines: list[bytes] = []
    has_lines = False
    for _ in range(_MAX_HEAD_LINES):
        text = file.readline()
        if text == _EVENTS:
            has_lines = True
            break
        lines.append(text)
    if has_lines:
        return _decode(b"".join(lines) + b'"events": []}', Head, path), True
    file.seek(0)
    return _decode(file.read(), Head, path), False


def read_events(file: IO[bytes], path: Path, head: Head, *, has_lines: bool, start: int) -> Iterator[bytes]:
    """The events in a JSON file from its own number `start` on, as they are written.

    Raises:
        StoreCorrupt: the file ends too early.
    """
    n_promised = head.session.n_events - head.n_inherited
    n_seen = 0
    if not has_lines:
        file.seek(0)
        for event in _decode(file.read(), _Document, path).events:
            n_seen += 1
            if n_seen > start:
                yield bytes(event)
    else:
        for text in file:
            if text.rstrip() == _END.rstrip() or not text.endswith(b"\n"):
                break
            n_seen += 1
            if n_seen > start:
                yield text.rstrip(b",\n")
    if n_seen != n_promised:
        raise StoreCorrupt(
            f"`{path}` is damaged: it has {n_seen} of its {n_promised} events; "
            "restore it from a backup, or delete the session"
        )


def read_lines(file: IO[bytes], path: Path) -> Lines:
    """What the lines of a session add up to.

    Raises:
        StoreCorrupt: the first of them is damaged, so that nobody knows what the others continue.
    """
    first = file.readline()
    if not first.endswith(b"\n"):
        return Lines(None, n_torn=len(first))
    try:
        base = msgspec.json.decode(first, type=Base)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise _damaged(path, exc) from exc
    n_events, changed_at, record, blobs = 0, None, None, list[str]()
    size_bytes, n_torn, n_damaged = len(first), 0, 0
    for text in file:
        if not text.endswith(b"\n"):
            n_torn = len(text)
            break
        size_bytes += len(text)
        entry = _entry(text)
        if entry is None:
            n_damaged += 1
            continue
        n_events += len(entry.events)
        if entry.record is not None:
            record, changed_at = entry.record, None
        changed_at = entry.at or changed_at
        if entry.blob is not None:
            blobs.append(entry.blob)
    return Lines(base, n_events, changed_at, record, tuple(blobs), size_bytes, n_torn, n_damaged)


def read_line_events(file: IO[bytes], size_bytes: int, *, start: int) -> Iterator[bytes]:
    """The events in the first `size_bytes` of the lines, from number `start` on, as they are written."""
    file.seek(0)
    left = size_bytes - len(file.readline())
    n_seen = 0
    while left > 0:
        text = file.readline()
        left -= len(text)
        entry = _entry(text)
        for event in () if entry is None else entry.events:
            n_seen += 1
            if n_seen > start:
                yield bytes(event)
        if not text:
            return


def _entry(text: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(text, type=Entry)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def new_segment() -> str:
    """A name no other segment has."""
    return os.urandom(16).hex()


def _decode(text: bytes, kind: type[_Head], path: Path) -> _Head:
    try:
        written = msgspec.json.decode(text, type=_Format).format
        if written > FORMAT:
            raise StoreTooNew(str(path), written, FORMAT)
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise _damaged(path, exc) from exc


def _damaged(path: Path, exc: Exception) -> StoreCorrupt:
    return StoreCorrupt(f"`{path}` is damaged: {exc}; restore it from a backup, or delete the session")
