"""Writing one session to files: lines are added, and put into the JSON file when a turn has ended."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from acp_agent.base.errors import StoreCorrupt, StoreError
from acp_agent.model.session import SessionRecord
from acp_agent.stores.disk import Disk
from acp_agent.stores.file_format import Base, Entry, Head, document, line
from acp_agent.stores.file_reading import Snapshot, snapshot

logger = logging.getLogger(__name__)

SMALL_BYTES = 1024 * 1024
"""Size up to which the JSON file is written anew at the end of every turn."""

GROWTH = 4
"""A larger one is written anew when the lines have this part of its size: so a turn costs the same however
long the session is, and reading is never slowed by many lines."""


class SessionFile:
    """The files of one session, for the one process that may write them. Methods block.

    Reading them shows a prefix of what was acknowledged at any moment, and all of it after `append`.
    """

    def __init__(self, path: Path, found: Snapshot, disk: Disk) -> None:
        self.record = found.record
        self.blobs = found.blobs
        self._path = path
        self._added_path = path.with_suffix(".jsonl")
        self._disk = disk
        self._head = found.head
        self._size_bytes = found.lines.size_bytes  # of the lines that count; 0 before there are any
        self._n_damaged = found.lines.n_damaged
        self._file: int | None = None
        self._is_clean = False  # nothing lies behind `_size_bytes`
        self._is_named = False  # its name survives a power loss
        self._is_replaced = False  # the JSON file has what they said, but may not survive a power loss
        if found.lines.n_torn:
            logger.warning(
                "`%s` ends in %d bytes of a write that a crash cut off; everything before them is kept",
                self._added_path,
                found.lines.n_torn,
            )

    @classmethod
    def load(cls, path: Path, disk: Disk) -> SessionFile | None:
        """The session with this JSON file, None if there is none.

        Raises:
            StoreCorrupt, StoreTooNew: it cannot be read.
        """
        with snapshot(path) as found:
            return None if found is None else cls(path, found, disk)

    @property
    def head(self) -> Head:
        """What a JSON file written now would begin with."""
        return msgspec.structs.replace(self._head, session=self.record, blobs=self.blobs)

    def append(self, events: Sequence[bytes], at: datetime) -> None:
        """Add events."""
        self._add(Entry(at=at, events=tuple(msgspec.Raw(event) for event in events)))
        self.record = msgspec.structs.replace(
            self.record, n_events=self.record.n_events + len(events), updated_at=at
        )

    def update(self, record: SessionRecord) -> None:
        """Replace the record, all but `n_events`."""
        self._add(Entry(record=record))
        self.record = msgspec.structs.replace(record, n_events=self.record.n_events)

    def use_blob(self, blob_id: str) -> None:
        """Note that the session uses a blob."""
        if blob_id not in self.blobs:
            self._add(Entry(blob=blob_id))
            self.blobs = (*self.blobs, blob_id)

    def sync(self, *, turn_ended: bool) -> None:
        """Make everything added survive a power loss."""
        if turn_ended and self._size_bytes and self._is_worth_folding():
            self.try_fold()
        if self._is_replaced:
            self._finish_fold()
        if not self._size_bytes:
            return
        self._disk.sync(self._prepared())
        if not self._is_named:
            self._disk.sync_directory(self._path.parent)
            self._is_named = True

    def try_fold(self) -> None:
        """Put the lines into the JSON file, if that works; they are as safe where they are."""
        try:
            self.fold()
        except (OSError, StoreError) as exc:
            logger.warning("`%s` stays beside its JSON file for now: %s", self._added_path, exc)

    def fold(self) -> None:
        """Put the lines into the JSON file.

        Raises:
            OSError: it cannot be written; nothing is lost.
            StoreCorrupt: what is there is damaged; it stays as it is.
        """
        if not self._size_bytes:
            return
        head = self.head
        self._disk.write_whole(self._path, document(head, self._all_events()))
        # From here on the lines count for nothing, because the JSON file has more events than they continue
        # or, where they hold none, has what they say.
        self._head, self._size_bytes, self._is_replaced = head, 0, True
        self._finish_fold()

    def copy_beginning(self, path: Path, n_events: int) -> None:
        """Write a JSON file with the first `n_events` events."""
        record = msgspec.structs.replace(self.record, n_events=n_events)
        head = msgspec.structs.replace(self.head, session=record, blobs=())
        with snapshot(self._path) as found:
            events = iter(()) if found is None else found.events(head.n_inherited, n_events)
            self._disk.write_whole(path, document(head, events))
        self._disk.sync_directory(path.parent)

    def remove(self) -> None:
        """Remove the files."""
        self.close()
        self._disk.remove(self._path)
        self._disk.remove(self._added_path)
        self._disk.sync_directory(self._path.parent)

    def close(self) -> None:
        """Close; the lines stay where they are."""
        file, self._file, self._is_clean, self._is_named = self._file, None, False, False
        if file is not None:
            os.close(file)

    def _all_events(self) -> Iterator[bytes]:
        n_left = self.record.n_events - self._head.n_inherited
        with snapshot(self._path) as found:
            if found is not None:
                for event in found.events(self._head.n_inherited, self.record.n_events):
                    n_left -= 1
                    yield event
        if n_left:
            raise StoreCorrupt(
                f"`{self._path}` is damaged: {n_left} of its {self.record.n_events} events are gone; "
                "restore it from a backup, or delete the session"
            )

    def _finish_fold(self) -> None:
        # As long as a power loss may bring the old JSON file back, the lines have to stay as they are.
        self._disk.sync_directory(self._path.parent)
        self._is_replaced = False
        self.close()
        if self._n_damaged:
            self._disk.replace(self._added_path, _unused(self._added_path))
            self._n_damaged = 0
        else:
            self._disk.remove(self._added_path)

    def _is_worth_folding(self) -> bool:
        size = self._path.stat().st_size
        return size <= SMALL_BYTES or self._size_bytes >= size // GROWTH

    def _add(self, entry: Entry) -> None:
        file = self._prepared()
        text = line(entry)
        try:
            self._disk.write(file, text)
        except OSError:
            self._is_clean = False
            raise
        self._size_bytes += len(text)

    def _prepared(self) -> int:
        """The lines' file, open, with nothing behind what counts."""
        if self._is_replaced:
            self._finish_fold()
        if self._file is None:
            self._file = self._disk.open(self._added_path)
        if not self._is_clean:
            self._disk.truncate(self._file, self._size_bytes)
            if not self._size_bytes:
                text = line(Base(self._head.segment, self._head.session.n_events))
                self._disk.write(self._file, text)
                self._size_bytes = len(text)
            self._is_clean = True
        return self._file


def _unused(path: Path) -> Path:
    """A name beside `path` for what is kept although it is damaged."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return kept
