"""Journals in one SQLite file, shared safely by several processes."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.lowlevel
import anyio.to_thread
import msgspec

from acp_agent import ports
from acp_agent.base import jsontext
from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.errors import StoreCorrupt, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model.codec import decode_event, encode_event
from acp_agent.model.events import Event
from acp_agent.model.session import SessionRecord
from acp_agent.stores.cursor import decode_cursor, encode_cursor, microseconds, moment
from acp_agent.stores.database import flush, map_errors, open_database, transaction

logger = logging.getLogger(__name__)

PAGE_ROWS = 500
"""Events that `read` holds in memory at a time, at most."""

PAGE_BYTES = 8 * 1024 * 1024
"""Size of these events from which `read` takes no more of them."""


class SqliteStore:
    """A store in the file at `path`, which is created by the first use, not by the constructor.

    Reads and writes run on the calling thread: an append takes some 50 µs, less than a thread hop, and
    never waits for the disk. Only `sync` does, in a worker thread. After `aclose` the next use opens the
    file again.

    Every method raises `StoreError` when the file cannot be used; the message says what to do.
    """

    def __init__(self, path: Path, *, clock: Clock = utc_now) -> None:
        self._path = path.absolute()
        self._clock = clock
        self._db: sqlite3.Connection | None = None

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return self._path

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        db = self._open()
        with map_errors(self._path):
            try:
                db.execute(
                    "INSERT INTO sessions (id, cwd, changed, n_events, record) VALUES (?, ?, ?, 0, ?)",
                    (record.id, record.cwd, microseconds(record.updated_at), jsontext.dump(record)),
                )
            except sqlite3.IntegrityError as exc:
                raise StoreError(f"session `{record.id}` exists already") from exc

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        """The session's record, or None."""
        db = self._open()
        with map_errors(self._path):
            row = db.execute(
                "SELECT changed, n_events, record FROM sessions WHERE id = ?", (session_id,)
            ).fetchone()
        return None if row is None else _decode_record(*row)

    async def update(self, record: SessionRecord) -> None:
        """Replace the session's record, all but `n_events`."""
        db = self._open()
        with map_errors(self._path):
            changed = db.execute(
                "UPDATE sessions SET cwd = ?, changed = ?, record = ? WHERE id = ?",
                (record.cwd, microseconds(record.updated_at), jsontext.dump(record), record.id),
            )
        if not changed.rowcount:
            raise _unknown(record.id)

    async def append(self, session_id: SessionId, events: Sequence[Event]) -> None:
        """Add events at the end and mark the session as changed now, all or nothing."""
        if not events:
            return
        db = self._open()
        bodies = [encode_event(event) for event in events]
        with map_errors(self._path), transaction(db):
            row = db.execute("SELECT key FROM sessions WHERE id = ?", (session_id,)).fetchone()
            if row is None:
                raise _unknown(session_id)
            (key,) = row
            db.executemany("INSERT INTO events (session, body) VALUES (?, ?)", ((key, b) for b in bodies))
            db.execute(
                "UPDATE sessions SET changed = ?, n_events = n_events + ? WHERE key = ?",
                (microseconds(self._clock()), len(bodies), key),
            )

    async def sync(self, session_id: SessionId) -> None:
        """Make everything appended survive a power loss; waits for the disk in a worker thread."""
        self._open()
        await anyio.to_thread.run_sync(flush, self._path)

    async def read(self, session_id: SessionId) -> AsyncIterator[Event]:
        """All events in order, none for an unknown session. Damaged ones are left out with a warning."""
        damaged = 0
        rows = self._page(session_id, -1)
        while rows:
            for _, body in rows:
                try:
                    event = _decode_body(body)
                except StoreCorrupt as exc:
                    damaged += 1
                    if damaged == 1:
                        logger.warning(
                            "session `%s` has damaged events, which are left out; first: %s", session_id, exc
                        )
                    continue
                yield event
            await anyio.lowlevel.checkpoint()
            rows = self._page(session_id, rows[-1][0])

    async def list(self, *, cwd: str | None, cursor: str | None, limit: int) -> ports.SessionPage:
        """Sessions with events, last changed first.

        Raises:
            InvalidChoice: the cursor is none of ours.
        """
        conditions = ["n_events > 0"]
        values: list[str | int] = []
        if cwd is not None:
            conditions.append("cwd = ?")
            values.append(cwd)
        if cursor is not None:
            conditions.append("(changed, id) < (?, ?)")
            values.extend(decode_cursor(cursor))
        query = (
            f"SELECT id, changed, n_events, record FROM sessions WHERE {' AND '.join(conditions)}"
            " ORDER BY changed DESC, id DESC LIMIT ?"
        )
        db = self._open()
        with map_errors(self._path):
            rows = db.execute(query, (*values, limit + 1)).fetchall()
        shown = rows[:limit]
        sessions: list[SessionRecord] = []
        for session_id, changed, n_events, record in shown:
            try:
                sessions.append(_decode_record(changed, n_events, record))
            except StoreCorrupt as exc:
                logger.warning("session `%s` is left out of the list: %s", session_id, exc)
        more = len(rows) > len(shown) > 0
        return ports.SessionPage(
            tuple(sessions), encode_cursor((shown[-1][1], SessionId(shown[-1][0]))) if more else None
        )

    async def delete(self, session_id: SessionId) -> bool:
        """Forget the session and its events; False if there was none."""
        db = self._open()
        with map_errors(self._path), transaction(db):
            db.execute(
                "DELETE FROM events WHERE session = (SELECT key FROM sessions WHERE id = ?)", (session_id,)
            )
            return db.execute("DELETE FROM sessions WHERE id = ?", (session_id,)).rowcount > 0

    async def aclose(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            with map_errors(self._path):
                db.close()

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = open_database(self._path)
        return self._db

    def _page(self, session_id: SessionId, after: int) -> list[tuple[int, object]]:
        # A page is fetched whole: a cursor left open between pages would keep the log from being reused.
        db = self._open()
        rows: list[tuple[int, object]] = []
        size_bytes = 0
        query = (
            "SELECT number, body FROM events WHERE session = (SELECT key FROM sessions WHERE id = ?)"
            f" AND number > ? ORDER BY number LIMIT {PAGE_ROWS}"
        )
        with map_errors(self._path), closing(db.execute(query, (session_id, after))) as cursor:
            for number, body in cursor:
                rows.append((number, body))
                size_bytes += len(body) if isinstance(body, bytes) else 0
                if size_bytes >= PAGE_BYTES:
                    break
        return rows


def _decode_body(body: object) -> Event:
    if not isinstance(body, bytes):
        raise StoreCorrupt(f"unreadable event: stored as {type(body).__name__}")
    return decode_event(body)


def _decode_record(changed: int, n_events: int, text: bytes) -> SessionRecord:
    try:
        record = msgspec.json.decode(text, type=SessionRecord)
        return msgspec.structs.replace(record, updated_at=moment(changed), n_events=n_events)
    except (msgspec.MsgspecError, UnicodeError, TypeError, OverflowError) as exc:
        raise StoreCorrupt(f"unreadable session record: {exc}") from exc


def _unknown(session_id: SessionId) -> StoreError:
    return StoreError(f"no session `{session_id}` in the store")


if TYPE_CHECKING:
    _: type[ports.SessionStore] = SqliteStore
