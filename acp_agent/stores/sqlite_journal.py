"""Journals as rows of SQLite: read in pages, shared by forks, dropped when nobody needs them.

Events belong to a segment, which has the key of the session that wrote it. A fork's journal is the beginning
of its parent's journal, then its own segment.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TypeAlias

from acp_agent.base.errors import StoreError
from acp_agent.base.ids import SessionId

PAGE_ROWS = 500
"""Events that `read` holds in memory at a time, at most."""

PAGE_BYTES = 8 * 1024 * 1024
"""Size of these events from which `read` takes no more of them."""


Piece: TypeAlias = tuple[int, int, int | None]
"""Some events: of this segment, after this row number, so many, or all if that is None."""


def key_of(db: sqlite3.Connection, session_id: SessionId) -> int | None:
    """The session's key, or None."""
    row = db.execute("SELECT key FROM sessions WHERE id = ?", (session_id,)).fetchone()
    return None if row is None else row[0]


def existing_key(db: sqlite3.Connection, session_id: SessionId) -> int:
    """The session's key.

    Raises:
        StoreError: there is no such session.
    """
    key = key_of(db, session_id)
    if key is None:
        raise StoreError(f"no session `{session_id}` in the store")
    return key


def pieces(db: sqlite3.Connection, key: int, start: int) -> list[Piece]:
    """Where the journal of a session lies, from event number `start` on, in order."""
    found: list[Piece] = []
    segment, stop = key, None
    while True:
        link = _link(db, segment)
        first = 0 if link is None else link[1]
        n_skipped = max(0, start - first)
        n_rows = None if stop is None else stop - first - n_skipped
        if n_rows is None or n_rows > 0:
            found.append((segment, _number(db, segment, n_skipped), n_rows))
        if link is None or start >= first:
            return found[::-1]
        segment, stop = link


def page(db: sqlite3.Connection, piece: Piece) -> tuple[list[object], Piece]:
    """The bodies of the next rows, none at the end, and what is left of the piece."""
    segment, after, n_rows = piece
    limit = PAGE_ROWS if n_rows is None else min(PAGE_ROWS, n_rows)
    bodies: list[object] = []
    size_bytes = 0
    query = "SELECT number, body FROM events WHERE session = ? AND number > ? ORDER BY number LIMIT ?"
    # A page is fetched whole: a cursor left open between pages would keep the log from being reused.
    with closing(db.execute(query, (segment, after, limit))) as cursor:
        for after, body in cursor:  # noqa: B007
            bodies.append(body)
            size_bytes += len(body) if isinstance(body, bytes) else 0
            if size_bytes >= PAGE_BYTES:
                break
    return bodies, (segment, after, None if n_rows is None else n_rows - len(bodies))


def link_fork(db: sqlite3.Connection, key: int, parent: int, n_events: int) -> None:
    """Let the journal of `key` begin with the first `n_events` of `parent`."""
    # Never linked to a segment of which the fork needs nothing.
    link = _link(db, parent)
    while link is not None and n_events <= link[1]:
        parent = link[0]
        link = _link(db, parent)
    if n_events:
        last = _number(db, parent, n_events - (0 if link is None else link[1]))
        db.execute("INSERT INTO forks VALUES (?, ?, ?, ?)", (key, parent, n_events, last))


def drop_journal(db: sqlite3.Connection, key: int) -> int:
    """Drop the events of a session that is gone, and of its deleted parents; keeps what forks refer to.

    Returns how many events went.
    """
    from acp_agent.stores.sqlite_words import lower_mark, unindex  # lazy: deleting is rare

    (last,) = db.execute("SELECT max(last) FROM forks WHERE parent = ?", (key,)).fetchone()
    unindex(db, key, 0 if last is None else last)
    n_dropped = db.execute(
        "DELETE FROM events WHERE session = ? AND number > ?", (key, 0 if last is None else last)
    ).rowcount
    lower_mark(db)
    if last is None:
        link = _link(db, key)
        db.execute("DELETE FROM forks WHERE session = ?", (key,))
        if link is not None and not _is_alive(db, link[0]):
            n_dropped += drop_journal(db, link[0])
    return n_dropped


def drop_blobs(db: sqlite3.Connection) -> int:
    """Drop the blobs no session uses; returns how many there were."""
    return db.execute("DELETE FROM blobs WHERE id NOT IN (SELECT blob FROM blob_uses)").rowcount


def _link(db: sqlite3.Connection, key: int) -> tuple[int, int] | None:
    return db.execute("SELECT parent, n_events FROM forks WHERE session = ?", (key,)).fetchone()


def _is_alive(db: sqlite3.Connection, key: int) -> bool:
    return db.execute("SELECT 1 FROM sessions WHERE key = ?", (key,)).fetchone() is not None


def _number(db: sqlite3.Connection, segment: int, n_rows: int) -> int:
    """The number of the segment's row `n_rows`, counted from 1; 0, which is before all, for none."""
    if not n_rows:
        return 0
    row = db.execute(
        "SELECT number FROM events WHERE session = ? ORDER BY number LIMIT 1 OFFSET ?", (segment, n_rows - 1)
    ).fetchone()
    return (1 << 62) if row is None else row[0]
