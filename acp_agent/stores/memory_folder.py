"""A folder of memories as it lies on disk: `items/<id>.json` for each, and an `index.json` to search them by.

The items are what counts. An index that is missing, damaged or behind is completed from them, so that a crash
between two writes loses nothing and several processes may share the folder. A damaged item is passed over
and named. All methods block; whoever uses this calls one at a time.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import msgspec

from acp_agent.base.errors import StoreError
from acp_agent.base.ids import random_id
from acp_agent.engine.memory.relevance import words_of_item
from acp_agent.model.memory import MemoryItem
from acp_agent.stores.disk import Disk

FORMAT = 1
MAX_ITEM_BYTES = 256 * 1024
MAX_INDEX_BYTES = 64 * 1024 * 1024
"""Larger files are not read."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SUFFIX = ".json"


class Entry(msgspec.Struct, frozen=True):
    """An item without its content, and the words of that."""

    item: MemoryItem
    words: tuple[str, ...]


class _Index(msgspec.Struct, frozen=True):
    entries: tuple[Entry, ...]
    format: int = FORMAT


class MemoryFolder:
    """The folder. `entries` are what it held when `refresh` was called last, by id."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self.directory = directory
        self.entries: dict[str, Entry] = {}
        self._items = directory / "items"
        self._index = directory / f"index{_SUFFIX}"
        self._disk = disk
        self._seen: tuple[int, int, int] | None = None  # the index file that `entries` are from
        self._damaged: dict[str, str] = {}  # by name of the file
        self._untold: list[str] = []

    def take_problems(self) -> tuple[str, ...]:
        """What could not be read since this was called last."""
        problems, self._untold = tuple(self._untold), []
        return problems

    def refresh(self) -> None:
        """Take note of what others changed.

        Raises:
            StoreError: the folder cannot be read.
        """
        with _named(self.directory):
            self._read_index()
            present = self._names()
        for memory_id in [memory_id for memory_id in self.entries if memory_id not in present]:
            del self.entries[memory_id]
        for memory_id in sorted(present - self.entries.keys() - self._damaged.keys()):
            item = self.read(memory_id)
            if item is not None:
                self.entries[memory_id] = _entry(item)

    def read(self, memory_id: str) -> MemoryItem | None:
        """The whole item; None if there is none, or it is damaged."""
        if _NAME.fullmatch(memory_id) is None:
            return None
        path = self._path(memory_id)
        try:
            with _named(path):
                content = _content(path, MAX_ITEM_BYTES)
            item = None if content is None else msgspec.json.decode(content, type=MemoryItem)
        except (StoreError, msgspec.MsgspecError) as exc:
            self._note_damage(memory_id, f"`{path}`: {exc}")
            return None
        if item is not None and item.id != memory_id:
            self._note_damage(memory_id, f"`{path}`: is the memory `{item.id[:100]}` under another name")
            return None
        known = self.entries.get(memory_id)
        if item is None or known is None:
            return item
        counted = known.item
        return msgspec.structs.replace(
            item, access_count=counted.access_count, last_accessed=counted.last_accessed
        )

    def write(self, item: MemoryItem) -> None:
        """Keep the item; it survives the machine's death.

        Raises:
            StoreError: it cannot be written, or its id cannot be the name of a file.
        """
        if _NAME.fullmatch(item.id) is None:
            raise StoreError(f"the memory id `{item.id[:100]}` is no name for a file")
        with _named(self.directory):
            self._disk.make_directory(self._items)
            self._replace(
                self._path(item.id), msgspec.json.format(msgspec.json.encode(item), indent=2), synced=True
            )
            self._disk.sync_directory(self._items)
        self._damaged.pop(item.id, None)
        self.entries.pop(item.id, None)
        self.entries[item.id] = _entry(item)

    def write_index(self) -> None:
        """Write down what there is.

        Raises:
            StoreError: it cannot be written.
        """
        with _named(self.directory):
            self._disk.make_directory(self.directory)
            self._replace(
                self._index, msgspec.json.encode(_Index(tuple(self.entries.values()))), synced=False
            )
            self._seen = _signature(self._index)

    def remove(self, memory_ids: Iterable[str]) -> None:
        """Remove items; those that are gone are removed already.

        Raises:
            StoreError: one of them cannot be removed.
        """
        for memory_id in memory_ids:
            if _NAME.fullmatch(memory_id) is not None:
                with _named(self.directory):
                    self._disk.remove(self._path(memory_id))
            self.entries.pop(memory_id, None)
            self._damaged.pop(memory_id, None)

    @property
    def all_ids(self) -> list[str]:
        """The ids of all items, damaged ones too."""
        return [*self.entries, *self._damaged]

    def _path(self, memory_id: str) -> Path:
        return self._items / f"{memory_id}{_SUFFIX}"

    def _names(self) -> set[str]:
        try:
            names = os.listdir(self._items)
        except FileNotFoundError:
            return set()
        found = {name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)}
        present = {name for name in found if _NAME.fullmatch(name) is not None}
        self._damaged = {name: why for name, why in self._damaged.items() if name in present}
        return present

    def _read_index(self) -> None:
        signature = _signature(self._index)
        if signature == self._seen:
            return
        self._seen = signature
        try:
            content = _content(self._index, MAX_INDEX_BYTES)
            entries = () if content is None else msgspec.json.decode(content, type=_Index).entries
        except (StoreError, msgspec.MsgspecError):
            entries = ()  # it is made anew from the items
        self.entries = {entry.item.id: entry for entry in entries}

    def _replace(self, path: Path, content: bytes, *, synced: bool) -> None:
        draft = path.with_name(f".{random_id('draft')}.tmp")
        file = self._disk.open(draft, empty=True)
        try:
            try:
                self._disk.write(file, content)
                if synced:
                    self._disk.sync(file)
            finally:
                os.close(file)
            self._disk.replace(draft, path)
        except BaseException:
            self._disk.remove(draft)
            raise

    def _note_damage(self, memory_id: str, problem: str) -> None:
        if self._damaged.get(memory_id) != problem:
            self._untold.append(problem)
        self._damaged[memory_id] = problem
        self.entries.pop(memory_id, None)


def _entry(item: MemoryItem) -> Entry:
    return Entry(msgspec.structs.replace(item, content=""), tuple(sorted(words_of_item(item))))


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _content(path: Path, limit: int) -> bytes | None:
    """The file's bytes; None if there is no such file."""
    flags = os.O_RDONLY
    for option in ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY"):
        flags |= getattr(os, option, 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StoreError("is not a regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise StoreError(f"is larger than {limit} bytes")
    return content


@contextmanager
def _named(place: Path) -> Generator[None]:
    """Turn what the operating system raises into errors that name the place and a remedy."""
    try:
        yield
    except OSError as exc:
        why = (exc.strerror or str(exc)).lower()
        raise StoreError(
            f"memories in `{place}`: {why}; make the folder and its files usable, or choose another"
        ) from exc
