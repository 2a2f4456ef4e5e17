"""Files no session needs."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from acp_agent.base.errors import SessionInUse, StoreCorrupt
from acp_agent.ports import Freed
from acp_agent.stores.claims import Claims
from acp_agent.stores.disk import Disk
from acp_agent.stores.file_catalog import Catalog
from acp_agent.stores.file_reading import Places
from acp_agent.stores.file_writing import SessionFile

logger = logging.getLogger(__name__)


def forget(places: Places, catalog: Catalog, disk: Disk, path: Path, file: SessionFile) -> None:
    """Remove a session; the events that forks refer to move to its segment."""
    needed = catalog.needed_of(file.head.segment)
    if needed:
        segment = places.segment(file.head.segment)
        disk.make_directory(places.segments)
        try:
            file.copy_beginning(segment, needed)
        except StoreCorrupt as exc:
            logger.warning("%s; what forks refer to is kept as it is", exc)
            disk.replace(path, segment)
    file.remove()


def sweep(places: Places, catalog: Catalog, disk: Disk) -> Freed:
    """Remove segments and blobs that nothing refers to, as long as everything can be read."""
    n_events = n_blobs = n_files = 0
    while True:
        links, blobs = catalog.references()
        if not catalog.knows_all():
            logger.warning("`%s` has sessions that cannot be read; nothing is dropped", places.directory)
            break
        dead = {path: listed for path, listed in catalog.segments().items() if listed.segment not in links}
        if not dead:
            n_blobs = _drop_blobs(places, disk, blobs)
            break
        for path, listed in dead.items():
            disk.remove(path)
            n_files += 1
            n_events += listed.record.n_events - (0 if listed.parent is None else listed.parent.n_events)
    return Freed(n_events=n_events, n_blobs=n_blobs, n_files=n_files)


def drop_leftovers(places: Places, claims: Claims, disk: Disk) -> int:
    """Remove what writes that were cut off left behind; returns how many files.

    Nobody may write segments and blobs meanwhile; sessions that somebody writes are left alone.
    """
    n_removed = 0
    for path in (*places.segments.glob("*.tmp"), *places.blobs.glob("*.tmp")):
        disk.remove(path)
        n_removed += 1
    for path in (*places.directory.glob("*.json.tmp"), *places.directory.glob("*.jsonl")):
        with suppress(SessionInUse), claims.held_name(path.name.partition(".")[0]):
            if path.suffix == ".tmp" or not path.with_suffix(".json").exists():
                disk.remove(path)
                n_removed += 1
    return n_removed


def _drop_blobs(places: Places, disk: Disk, used: set[str]) -> int:
    dead = [path for path in places.blobs.glob("*") if path.name not in used and len(path.name) == 64]
    for path in dead:
        disk.remove(path)
    return len(dead)
