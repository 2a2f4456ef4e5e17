"""Journals in a PostgreSQL database, for agents on many machines."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from acp_agent import ports
from acp_agent.base import jsontext
from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.errors import StoreCorrupt, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model.codec import decode_event, encode_event
from acp_agent.model.events import Event
from acp_agent.model.session import SessionRecord
from acp_agent.stores import postgres_journal as journal
from acp_agent.stores.blobs import blob_name, checked_blob
from acp_agent.stores.cursor import decode_cursor, encode_cursor, microseconds, moment
from acp_agent.stores.postgres_address import shown_address
from acp_agent.stores.postgres_claims import Claim, Claims
from acp_agent.stores.postgres_link import Link
from acp_agent.stores.postgres_schema import migrate
from acp_agent.stores.postgres_words import find, lexemes
from acp_agent.stores.said import excerpt, words

if TYPE_CHECKING:
    from psycopg import Connection

logger = logging.getLogger(__name__)


class PostgresStore:
    """A store in the database at `url`, which is connected to by the first use, not by the constructor.

    A session belongs to one process at a time, on whatever machine: it is held by a lock of the server's, and
    written only by whoever claimed it last. What is appended is as durable as the server's commits.

    Every method raises `StoreError` when the database cannot be used; the message says what to do, without
    the password.
    """

    def __init__(self, url: str, *, clock: Clock = utc_now) -> None:
        self._url = url
        self._clock = clock
        self._link = Link(url, self._prepare)
        self._search_link = Link(url, self._prepare)  # a search may take long
        self._claims = Claims(url, self._prepare)

    @property
    def url(self) -> str:
        """The database's address, with its password."""
        return self._url

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        async with self._claims.held(record.id) as claim:
            was_creating, claim.is_creating = claim.is_creating, True
            epoch = await self._link.run(lambda db: journal.create(db, record, may_be_there=was_creating))
            claim.is_creating = False
            if epoch is None:
                raise StoreError(f"session `{record.id}` exists already")
            claim.epoch = epoch

    async def fork(self, record: SessionRecord, source: SessionId, n_events: int) -> None:
        """Add a session whose journal begins with the first `n_events` events of `source`."""
        async with self._claims.held(record.id) as claim:
            epoch = await self._link.run(lambda db: journal.fork(db, record, source, n_events))
            claim.epoch, claim.n_events = epoch, n_events

    async def claim(self, session_id: SessionId) -> None:
        """Become the only process that writes the session."""
        await self._claims.claim(session_id)

    async def release(self, session_id: SessionId) -> None:
        """Let others write the session."""
        await self._claims.release(session_id)

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        """The session's record, or None."""
        row = await self._link.run(
            lambda db: db.execute(
                "SELECT id, changed, n_events, record FROM acp_sessions WHERE sha256(id) = sha256(%s)",
                (session_id.encode(),),
            ).fetchone()
        )
        return None if row is None else _decode_record(*row)

    async def update(self, record: SessionRecord) -> None:
        """Replace the session's record, all but `n_events`."""
        values = (
            record.cwd.encode(),
            microseconds(record.updated_at),
            record.archived,
            lexemes(record.title or ""),
            jsontext.dump(record),
        )

        def updated(db: Connection) -> None:
            with db.transaction():
                key, _ = journal.owned(db, record.id, claim)
                db.execute(
                    "UPDATE acp_sessions SET cwd = %s, changed = %s, archived = %s,"
                    " title_words = array_to_tsvector(%s::text[]), record = %s WHERE key = %s",
                    (*values, key),
                )

        async with self._claims.held(record.id) as claim:
            await self._link.run(updated)

    async def append(self, session_id: SessionId, events: Sequence[Event]) -> None:
        """Add events at the end and mark the session as changed now, all or nothing."""
        if not events:
            return
        bodies = [encode_event(event) for event in events]
        changed = microseconds(self._clock())
        async with self._claims.held(session_id) as claim:
            now = Claim(claim.epoch, claim.n_events, is_in_doubt=claim.is_in_doubt)
            claim.is_in_doubt = True
            claim.n_events = await self._link.run(
                lambda db: journal.append(db, session_id, bodies, changed, now)
            )
            claim.is_in_doubt = False

    async def sync(self, session_id: SessionId) -> None:
        """Return at once: the server answers an append once it is as safe as its settings say."""

    async def read(self, session_id: SessionId, *, start: int = 0) -> AsyncIterator[Event]:
        """The events from number `start` on, none for an unknown session.

        Damaged ones are left out with a warning; they count.
        """
        n_damaged = 0
        for segment, first, stop in await self._link.run(
            lambda db: journal.pieces(db, session_id, max(0, start))
        ):
            piece = segment, first, stop
            while rows := await self._page(piece):
                for _, body in rows:
                    try:
                        event = decode_event(body)
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
                piece = segment, rows[-1][0] + 1, stop

    async def list(
        self, *, cwd: str | None, cursor: str | None, limit: int, archived: bool | None = False
    ) -> ports.SessionPage:
        """Sessions with events, last changed first.

        Raises:
            InvalidChoice: the cursor is none of ours.
        """
        after = None if cursor is None else decode_cursor(cursor)
        rows = await self._link.run(
            lambda db: db.execute(
                """
                SELECT id, changed, n_events, record FROM acp_sessions
                WHERE n_events > 0 AND (%(archived)s::boolean IS NULL OR archived = %(archived)s)
                    AND (%(cwd)s::bytea IS NULL OR cwd = %(cwd)s)
                    AND (%(changed)s::bigint IS NULL OR (changed, id) < (%(changed)s, %(id)s::bytea))
                ORDER BY changed DESC, id DESC LIMIT %(limit)s
                """,
                {
                    "archived": archived,
                    "cwd": None if cwd is None else cwd.encode(),
                    "changed": None if after is None else after[0],
                    "id": None if after is None else after[1].encode(),
                    "limit": limit + 1,
                },
            ).fetchall()
        )
        shown = rows[:limit]
        sessions: list[SessionRecord] = []
        for session_id, changed, n_events, record in shown:
            try:
                sessions.append(_decode_record(session_id, changed, n_events, record))
            except StoreCorrupt as exc:
                logger.warning("session `%s` is left out of the list: %s", session_id.decode(), exc)
        more = len(rows) > len(shown) > 0
        return ports.SessionPage(
            tuple(sessions), encode_cursor((shown[-1][1], SessionId(shown[-1][0].decode()))) if more else None
        )

    async def search(self, query: str, *, cwd: str | None, limit: int) -> tuple[ports.SearchHit, ...]:
        """Sessions that have all words of `query`, last changed first."""
        wanted = words(query)
        if not wanted:
            return ()
        hits: list[ports.SearchHit] = []
        for found in await self._search_link.run(lambda db: find(db, wanted, cwd, limit)):
            try:
                record = _decode_record(found.session_id, found.changed, found.n_events, found.record)
            except StoreCorrupt as exc:
                logger.warning("a session is left out of the search: %s", exc)
            else:
                hits.append(ports.SearchHit(record, found.excerpt or excerpt(record.title or "", wanted)))
        return tuple(hits)

    async def put_blob(self, session_id: SessionId, data: bytes) -> str:
        """Keep bytes as long as the session or a fork of it."""
        blob_id = blob_name(data)

        def put(db: Connection) -> None:
            with db.transaction():
                key, _ = journal.owned(db, session_id, claim)
                # Writing to the row keeps it from being dropped by a deletion before this is committed.
                db.execute(
                    "INSERT INTO acp_blobs VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET id = excluded.id",
                    (blob_id, data),
                )
                db.execute("INSERT INTO acp_blob_uses VALUES (%s, %s) ON CONFLICT DO NOTHING", (key, blob_id))

        async with self._claims.held(session_id) as claim:
            await self._link.run(put)
        return blob_id

    async def get_blob(self, session_id: SessionId, blob_id: str) -> bytes:
        """The bytes that `put_blob` named for this session or the one it was forked from."""
        row = await self._link.run(
            lambda db: db.execute(
                "SELECT data FROM acp_blobs JOIN acp_blob_uses ON blob = acp_blobs.id"
                " JOIN acp_sessions ON session = key"
                " WHERE blob = %s AND sha256(acp_sessions.id) = sha256(%s)",
                (blob_id.replace("\x00", ""), session_id.encode()),
            ).fetchone()
        )
        return checked_blob(session_id, blob_id, None if row is None else row[0])

    async def delete(self, session_id: SessionId) -> bool:
        """Forget the session and what only it needs; False if there was none."""
        async with self._claims.held(session_id) as claim:
            was_there = await self._link.run(lambda db: journal.delete(db, session_id))
            claim.epoch, claim.n_events, claim.is_in_doubt = None, 0, False
            return was_there

    async def collect_garbage(self) -> ports.Freed:
        """Drop blobs and events that no session needs."""

        def collected(db: Connection) -> ports.Freed:
            with db.transaction():
                return ports.Freed(n_events=journal.drop_orphans(db), n_blobs=journal.drop_blobs(db))

        return await self._search_link.run(collected)

    async def aclose(self) -> None:
        """Close the connections, which gives back what was claimed."""
        for link in (self._claims, self._link, self._search_link):
            await link.aclose()

    async def _page(self, piece: journal.Piece) -> list[tuple[int, bytes]]:
        return await self._link.run(lambda db: journal.page(db, piece))

    def _prepare(self, db: Connection) -> None:
        migrate(db, shown_address(self._url))


def _decode_record(session_id: bytes, changed: int, n_events: int, text: bytes) -> SessionRecord:
    try:
        record = msgspec.json.decode(text, type=SessionRecord)
        return msgspec.structs.replace(record, updated_at=moment(changed), n_events=n_events)
    except (msgspec.MsgspecError, UnicodeError, OverflowError) as exc:
        raise StoreCorrupt(
            f"session `{session_id.decode()}`: unreadable session record: {exc}; "
            "restore the store from a backup, or delete the session"
        ) from exc


if TYPE_CHECKING:
    _: type[ports.SessionStore] = PostgresStore
