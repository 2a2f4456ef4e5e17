"""Reading sessions from files, also while another process writes them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from acp_agent.base.errors import StoreCorrupt
from acp_agent.base.ids import SessionId
from acp_agent.model.session import SessionRecord
from acp_agent.stores.file_format import (
    Head,
    Lines,
    Link,
    read_events,
    read_head,
    read_line_events,
    read_lines,
)
from acp_agent.stores.file_names import file_name


class Places:
    """Where the files of a store lie, below its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.segments = directory / "segments"
        self.blobs = directory / "blobs"
        self.claims = directory / "claims"

    def whole(self, session_id: SessionId) -> Path:
        """The JSON file of a session."""
        return self.directory / f"{file_name(session_id)}.json"

    def segment(self, name: str) -> Path:
        """The JSON file of a segment whose session was deleted."""
        return self.segments / f"{name}.json"

    def blob(self, blob_id: str) -> Path | None:
        """The file of a blob, or None if that is no name of a blob."""
        return self.blobs / blob_id if len(blob_id) == 64 and blob_id.isalnum() else None


class Snapshot:
    """A session's files as they were at one moment, open; later writes do not show."""

    def __init__(self, path: Path, head: Head, whole: IO[bytes], *, has_lines: bool) -> None:
        self.path = path
        self.head = head
        self.lines = Lines(None)
        self._whole = whole
        self._has_lines = has_lines
        self._added: IO[bytes] | None = None

    @property
    def record(self) -> SessionRecord:
        """The session's record; `n_events` counts everything in it."""
        record = self.lines.record or self.head.session
        n_events = self.head.session.n_events + self.lines.n_events
        changed = self.lines.changed_at or record.updated_at
        return msgspec.structs.replace(record, n_events=n_events, updated_at=changed)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The blobs the session uses, each once."""
        return tuple(dict.fromkeys((*self.head.blobs, *self.lines.blobs)))

    def take_lines(self, added: IO[bytes], lines: Lines) -> None:
        """Let these lines count, if they continue this file.

        Raises:
            StoreCorrupt: they continue a file with more events.
        """
        base = lines.base
        if base is None or base.segment != self.head.segment or base.base < self.head.session.n_events:
            return  # they are of another session of this id, or were put into the file already
        if base.base > self.head.session.n_events:
            raise StoreCorrupt(
                f"`{self.path}` is damaged: it has {self.head.session.n_events} of {base.base} events; "
                "restore it from a backup, or delete the session"
            )
        self.lines, self._added = lines, added

    def events(self, start: int, stop: int) -> Iterator[bytes]:
        """The events from number `start` to before `stop` that lie in these files, as they are written."""
        first, n_here = self.head.n_inherited, self.head.session.n_events - self.head.n_inherited
        n_left = stop - max(start, first)
        skip = max(0, start - first)
        for event in self._own(skip, n_here) if n_left > 0 else ():
            yield event
            n_left -= 1
            if n_left <= 0:
                return

    def _own(self, skip: int, n_here: int) -> Iterator[bytes]:
        if skip < n_here:
            yield from read_events(self._whole, self.path, self.head, has_lines=self._has_lines, start=skip)
        if self._added is not None:
            yield from read_line_events(self._added, self.lines.size_bytes, start=max(0, skip - n_here))


@contextmanager
def snapshot(path: Path) -> Generator[Snapshot | None]:
    """The session with this JSON file, None if there is none.

    Raises:
        StoreCorrupt, StoreTooNew: it cannot be read.
    """
    with ExitStack() as files:
        # In this order: lines that are put into the JSON file meanwhile are found there.
        added_path = path.with_suffix(".jsonl")
        added = _open(added_path, files)
        whole = _open(path, files)
        if whole is None:
            yield None
            return
        head, has_lines = read_head(whole, path)
        found = Snapshot(path, head, whole, has_lines=has_lines)
        if added is not None:
            found.take_lines(added, read_lines(added, added_path))
        yield found


def journal(places: Places, path: Path, start: int) -> Generator[bytes]:
    """The events of the session with this JSON file from number `start` on, inherited ones first.

    Raises:
        StoreCorrupt: files of it are damaged or missing.
    """
    with ExitStack() as stack:
        found = stack.enter_context(snapshot(path))
        if found is None:
            return
        chain = [(found, found.record.n_events)]
        while (link := found.head.parent) is not None and start < link.n_events:
            found = _parent(places, link, stack)
            chain.append((found, link.n_events))
        for each, stop in reversed(chain):
            yield from each.events(start, stop)


def _parent(places: Places, link: Link, stack: ExitStack) -> Snapshot:
    # A session that was deleted moved to its segment; looked for there last, where it stays.
    for path in (places.whole(link.session), places.segment(link.segment)):
        found = stack.enter_context(snapshot(path))
        if found is not None and found.head.segment == link.segment:
            return found
    raise StoreCorrupt(
        f"`{places.segment(link.segment)}` is missing, where the beginning of a forked session was; "
        "restore it from a backup, or delete the session"
    )


def _open(path: Path, files: ExitStack) -> IO[bytes] | None:
    try:
        return files.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None
