"""All sessions of a directory: read once, then looked at again only where a file changed."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import msgspec

from acp_agent.base.errors import StoreError
from acp_agent.model.session import SessionRecord
from acp_agent.stores.file_format import Link
from acp_agent.stores.file_reading import Places, snapshot

logger = logging.getLogger(__name__)

_TICK = 100_000_000
"""Nanoseconds within which two changes of a file may have the same time."""

_Stamp: TypeAlias = tuple[int, int, int]
_Signature: TypeAlias = tuple[_Stamp, _Stamp | None]


class Listed(msgspec.Struct, frozen=True):
    """What is known of a session, or of a deleted one's segment, without reading its events."""

    record: SessionRecord
    segment: str
    parent: Link | None
    blobs: tuple[str, ...]


class Catalog:
    """The sessions of one store. Methods block and may run in any one thread at a time."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._seen: dict[Path, tuple[_Signature | None, Listed | None]] = {}

    def sessions(self) -> list[Listed]:
        """Every session that can be read; the others are told once."""
        return [listed for listed in self._look(self._places.directory).values() if listed is not None]

    def knows_all(self) -> bool:
        """Whether every file could be read the last time: nothing may be dropped before."""
        return all(listed is not None for _, listed in self._seen.values())

    def references(self) -> tuple[set[str], set[str]]:
        """The segments that forks refer to, and the blobs sessions use."""
        everything = [*self.sessions(), *self.segments().values()]
        links = {listed.parent.segment for listed in everything if listed.parent is not None}
        return links, {blob for listed in everything for blob in listed.blobs}

    def segments(self) -> dict[Path, Listed]:
        """The segments of deleted sessions."""
        found = self._look(self._places.segments)
        return {path: listed for path, listed in found.items() if listed is not None}

    def needed_of(self, segment: str) -> int:
        """How many events of a segment's journal forks refer to."""
        everything = [*self.sessions(), *self.segments().values()]
        links = [listed.parent for listed in everything if listed.parent is not None]
        return max((link.n_events for link in links if link.segment == segment), default=0)

    def _look(self, directory: Path) -> dict[Path, Listed | None]:
        found: dict[Path, Listed | None] = {}
        for path, signature in _signatures(directory):
            known = self._seen.get(path)
            if known is None or known[0] != signature:
                known = signature if _is_settled(signature) else None, _read(path)
                self._seen[path] = known
            found[path] = known[1]
        for path in [path for path in self._seen if path.parent == directory and path not in found]:
            del self._seen[path]
        return found


def _signatures(directory: Path) -> Iterable[tuple[Path, _Signature]]:
    """The JSON files of a directory, each with what changes whenever it or its lines do."""
    stamps: dict[str, _Stamp] = {}
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.endswith((".json", ".jsonl")):
                    status = entry.stat()
                    stamps[entry.name] = status.st_mtime_ns, status.st_size, status.st_ino
    except FileNotFoundError:
        return
    for name, stamp in stamps.items():
        if name.endswith(".json"):
            yield directory / name, (stamp, stamps.get(f"{name}l"))


def _is_settled(signature: _Signature) -> bool:
    """Whether another change would show: a clock may stand still for some milliseconds."""
    now = time.time_ns()
    return all(stamp is None or stamp[0] < now - _TICK for stamp in signature)


def _read(path: Path) -> Listed | None:
    try:
        with snapshot(path) as found:
            if found is None:
                return None
            return Listed(found.record, found.head.segment, found.head.parent, found.blobs)
    except (StoreError, OSError) as exc:
        logger.warning("a session is left out of the list: %s", exc)
        return None
