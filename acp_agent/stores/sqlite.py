"""Journals in one SQLite file, shared safely by several processes."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator, Sequence
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
from acp_agent.stores.sqlite_journal import (
    Piece,
    drop_blobs,
    drop_journal,
    existing_key,
    key_of,
    link_fork,
    page,
    pieces,
)

if TYPE_CHECKING:
    from acp_agent.stores.claims import Claims

logger = logging.getLogger(__name__)


class SqliteStore:
    """A store in the file at `path`, which is created by the first use, not by the constructor.

    Reads and writes run on the calling thread: an append takes some 50 µs, less than a thread hop, and
    never waits for the disk. `sync` does, and `search` may work for long, in a worker thread. After `aclose`
    the next use opens the file again. Claims are locked files in the directory `<path>-claims`.

    Every method raises `StoreError` when the file cannot be used; the message says what to do.
    """

    def __init__(self, path: Path, *, clock: Clock = utc_now) -> None:
        self._path = path.absolute()
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._claims_made: Claims | None = None

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return self._path

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        db = self._open()
        with map_errors(self._path), transaction(db):
            _insert(db, record, 0)

    async def fork(self, record: SessionRecord, source: SessionId, n_events: int) -> None:
        """Add a session whose journal begins with the first `n_events` events of `source`."""
        db = self._open()
        with map_errors(self._path), transaction(db):
            parent = existing_key(db, source)
            (n_there,) = db.execute("SELECT n_events FROM sessions WHERE key = ?", (parent,)).fetchone()
            if not 0 <= n_events <= n_there:
                raise StoreError(f"session `{source}` has {n_there} events, not {n_events}")
            key = _insert(db, record, n_events)
            link_fork(db, key, parent, n_events)
            db.execute("INSERT INTO blob_uses SELECT ?, blob FROM blob_uses WHERE session = ?", (key, parent))

    async def claim(self, session_id: SessionId) -> None:
        """Become the only process that writes the session."""
        self._claims.claim(session_id)

    async def release(self, session_id: SessionId) -> None:
        """Let others write the session."""
        self._claims.release(session_id)

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        """The session's record, or None."""
        db = self._open()
        with map_errors(self._path):
            row = db.execute(
                "SELECT changed, n_events, record FROM sessions WHERE id = ?", (session_id,)
            ).fetchone()
        return None if row is None else _decode_record(session_id, *row)

    async def update(self, record: SessionRecord) -> None:
        """Replace the session's record, all but `n_events`."""
        db = self._open()
        self._claims.check(record.id)
        with map_errors(self._path):
            changed = db.execute(
                "UPDATE sessions SET cwd = ?, changed = ?, archived = ?, record = ? WHERE id = ?",
                (record.cwd, _changed(record), record.archived, jsontext.dump(record), record.id),
            )
        if not changed.rowcount:
            raise StoreError(f"no session `{record.id}` in the store")

    async def append(self, session_id: SessionId, events: Sequence[Event]) -> None:
        """Add events at the end and mark the session as changed now, all or nothing."""
        if not events:
            return
        db = self._open()
        bodies = [encode_event(event) for event in events]
        self._claims.check(session_id)
        with map_errors(self._path), transaction(db):
            key = existing_key(db, session_id)
            db.executemany("INSERT INTO events (session, body) VALUES (?, ?)", ((key, b) for b in bodies))
            db.execute(
                "UPDATE sessions SET changed = ?, n_events = n_events + ? WHERE key = ?",
                (microseconds(self._clock()), len(bodies), key),
            )

    async def sync(self, session_id: SessionId) -> None:
        """Make everything appended survive a power loss; waits for the disk in a worker thread."""
        self._open()
        await anyio.to_thread.run_sync(flush, self._path)

    async def read(self, session_id: SessionId, *, start: int = 0) -> AsyncIterator[Event]:
        """The events from number `start` on, none for an unknown session.

        Damaged ones are left out with a warning; they count.
        """
        n_damaged = 0
        for piece in self._pieces(session_id, max(0, start)):
            bodies, rest = self._page(session_id, piece)
            while bodies:
                for body in bodies:
                    try:
                        event = _decode_body(body)
                    except StoreCorrupt as exc:
                        n_damaged += 1
                        if n_damaged == 1:
                            logger.warning(
                                "session `%s` has damaged events, which are left out; first: %s",
                                session_id,
                                exc,
                            )
                        continue
                    yield event
                await anyio.lowlevel.checkpoint()
                bodies, rest = self._page(session_id, rest)

    async def list(
        self, *, cwd: str | None, cursor: str | None, limit: int, archived: bool | None = False
    ) -> ports.SessionPage:
        """Sessions with events, last changed first.

        Raises:
            InvalidChoice: the cursor is none of ours.
        """
        conditions = ["n_events > 0"]
        values: list[str | int] = []
        if archived is not None:
            conditions.append("archived = ?")
            values.append(archived)
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
                sessions.append(_decode_record(session_id, changed, n_events, record))
            except StoreCorrupt as exc:
                logger.warning("session `%s` is left out of the list: %s", session_id, exc)
        more = len(rows) > len(shown) > 0
        return ports.SessionPage(
            tuple(sessions), encode_cursor((shown[-1][1], SessionId(shown[-1][0]))) if more else None
        )

    async def search(self, query: str, *, cwd: str | None, limit: int) -> tuple[ports.SearchHit, ...]:
        """Sessions that have all words of `query`, last changed first.

        The first search in a file reads all of it, later ones what was added since.
        """
        from acp_agent.stores.said import excerpt, words  # lazy: for searches
        from acp_agent.stores.sqlite_words import find  # lazy: for searches

        wanted = words(query)
        if not wanted:
            return ()
        found = await anyio.to_thread.run_sync(find, self._path, wanted, cwd, limit)
        hits: list[ports.SearchHit] = []
        for hit in found:
            try:
                record = _decode_record(hit.session_id, hit.changed, hit.n_events, hit.record)
            except StoreCorrupt as exc:
                logger.warning("a session is left out of the search: %s", exc)
            else:
                hits.append(ports.SearchHit(record, hit.excerpt or excerpt(record.title or "", wanted)))
        return tuple(hits)

    async def put_blob(self, session_id: SessionId, data: bytes) -> str:
        """Keep bytes as long as the session or a fork of it."""
        from acp_agent.stores.blobs import blob_name  # lazy: most sessions keep none

        blob_id = blob_name(data)
        db = self._open()
        self._claims.check(session_id)
        with map_errors(self._path), transaction(db):
            key = existing_key(db, session_id)
            db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (blob_id, data))
            db.execute("INSERT OR IGNORE INTO blob_uses VALUES (?, ?)", (key, blob_id))
        return blob_id

    async def get_blob(self, session_id: SessionId, blob_id: str) -> bytes:
        """The bytes that `put_blob` named for this session or the one it was forked from."""
        from acp_agent.stores.blobs import checked_blob  # lazy: most sessions keep none

        db = self._open()
        with map_errors(self._path):
            row = db.execute(
                "SELECT data FROM blobs JOIN blob_uses ON blob = blobs.id WHERE blob = ? AND session = ?",
                (blob_id, existing_key(db, session_id)),
            ).fetchone()
        return checked_blob(session_id, blob_id, None if row is None else row[0])

    async def delete(self, session_id: SessionId) -> bool:
        """Forget the session and what only it needs; False if there was none."""
        db = self._open()
        with map_errors(self._path), self._claims.held(session_id), transaction(db):
            key = key_of(db, session_id)
            if key is None:
                return False
            db.execute("DELETE FROM sessions WHERE key = ?", (key,))
            db.execute("DELETE FROM blob_uses WHERE session = ?", (key,))
            drop_journal(db, key)
            drop_blobs(db)
        return True

    async def collect_garbage(self) -> ports.Freed:
        """Drop blobs and events that no session needs, and give the disk space back."""
        from acp_agent.stores.sqlite_garbage import sweep  # lazy: seldom asked for

        return await anyio.to_thread.run_sync(sweep, self._path)

    async def aclose(self) -> None:
        """Close the file and give back what was claimed."""
        if self._claims_made is not None:
            self._claims_made.release_all()
        db, self._db = self._db, None
        if db is not None:
            with map_errors(self._path):
                db.close()

    @property
    def _claims(self) -> Claims:
        if self._claims_made is None:
            from acp_agent.stores.claims import Claims  # lazy: not needed to begin

            self._claims_made = Claims(self._path.with_name(f"{self._path.name}-claims"))
        return self._claims_made

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = open_database(self._path)
        return self._db

    def _pieces(self, session_id: SessionId, start: int) -> list[Piece]:
        db = self._open()
        with map_errors(self._path):
            key = key_of(db, session_id)
            return [] if key is None else pieces(db, key, start)

    def _page(self, session_id: SessionId, piece: Piece) -> tuple[list[object], Piece]:
        db = self._open()
        with map_errors(self._path):
            # Once the session is deleted, another one may have its key.
            return ([], piece) if key_of(db, session_id) is None else page(db, piece)


def _insert(db: sqlite3.Connection, record: SessionRecord, n_events: int) -> int:
    try:
        cursor = db.execute(
            "INSERT INTO sessions (id, cwd, changed, n_events, archived, record) VALUES (?, ?, ?, ?, ?, ?)",
            (record.id, record.cwd, _changed(record), n_events, record.archived, jsontext.dump(record)),
        )
    except sqlite3.IntegrityError as exc:
        raise StoreError(f"session `{record.id}` exists already") from exc
    return cursor.lastrowid or 0


def _changed(record: SessionRecord) -> int:
    return microseconds(record.updated_at)


def _decode_body(body: object) -> Event:
    if not isinstance(body, bytes):
        raise StoreCorrupt(f"unreadable event: stored as {type(body).__name__}")
    return decode_event(body)


def _decode_record(session_id: str, changed: int, n_events: int, text: bytes) -> SessionRecord:
    try:
        record = msgspec.json.decode(text, type=SessionRecord)
        return msgspec.structs.replace(record, updated_at=moment(changed), n_events=n_events)
    except (msgspec.MsgspecError, UnicodeError, TypeError, OverflowError) as exc:
        raise StoreCorrupt(
            f"session `{session_id}`: unreadable session record: {exc}; "
            "restore the store from a backup, or delete the session"
        ) from exc


if TYPE_CHECKING:
    _: type[ports.SessionStore] = SqliteStore
