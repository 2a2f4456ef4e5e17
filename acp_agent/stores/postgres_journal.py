"""Journals as rows of PostgreSQL: appended by their owner only, read in pages, shared by forks.

Events belong to a segment, which has the key of the session that wrote it. A fork's journal is the beginning
of its parent's journal, then its own segment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from acp_agent.base import jsontext
from acp_agent.base.errors import SessionInUse, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model.session import SessionRecord
from acp_agent.stores.cursor import microseconds
from acp_agent.stores.postgres_claims import Claim, holder_name
from acp_agent.stores.postgres_words import index_session, lexemes

if TYPE_CHECKING:
    from psycopg import Connection

PAGE_ROWS = 500
"""Events that `read` holds in memory at a time, at most."""

PAGE_BYTES = 8 * 1024 * 1024
"""Size of these events from which `read` takes no more of them."""

_FIRST_EPOCH = 1

Piece: TypeAlias = tuple[int, int, int]
"""Events of this segment, from this number to before that one."""


def create(db: Connection, record: SessionRecord, *, may_be_there: bool) -> int | None:
    """Add a session without events; its epoch, or None if there is one of this id.

    One without events counts as the new one if an earlier call for it was cut off, and so `may_be_there`.
    """
    try:
        _insert(db, record, 0)
    except StoreError:
        row = db.execute(
            "SELECT epoch FROM acp_sessions WHERE sha256(id) = sha256(%s) AND n_events = 0",
            (record.id.encode(),),
        ).fetchone()
        return row[0] if may_be_there and row is not None else None
    return _FIRST_EPOCH


def fork(db: Connection, record: SessionRecord, source: SessionId, n_events: int) -> int:
    """Add a session whose journal begins with the first `n_events` events of `source`; its epoch."""
    with db.transaction():
        # Locked, so that nobody deletes it before the fork can be seen to refer to it.
        row = db.execute(
            "SELECT key, n_events FROM acp_sessions WHERE sha256(id) = sha256(%s) FOR UPDATE",
            (source.encode(),),
        ).fetchone()
        if row is None:
            raise StoreError(f"no session `{source}` in the store")
        parent, n_there = row
        if not 0 <= n_events <= n_there:
            raise StoreError(f"session `{source}` has {n_there} events, not {n_events}")
        key = _insert(db, record, n_events)
        db.execute(
            "INSERT INTO acp_blob_uses SELECT %s, blob FROM acp_blob_uses WHERE session = %s", (key, parent)
        )
        # Never linked to a segment of which the fork needs nothing.
        link = _link(db, parent)
        while link is not None and n_events <= link[1]:
            parent = link[0]
            link = _link(db, parent)
        if n_events:
            db.execute("INSERT INTO acp_forks VALUES (%s, %s, %s)", (key, parent, n_events))
    return _FIRST_EPOCH


def append(db: Connection, session_id: SessionId, bodies: list[bytes], changed: int, claim: Claim) -> int:
    """Add events, all or none, each once though earlier calls with them may have been cut off.

    Returns how many events the session has then.

    Raises:
        SessionInUse: somebody took the session over.
    """
    n_before = claim.n_events
    while bodies:
        n_added = db.execute(
            """
            WITH owned AS (
                UPDATE acp_sessions SET changed = %s, n_events = n_events + %s
                WHERE sha256(id) = sha256(%s) AND epoch = %s AND n_events = %s
                RETURNING key
            )
            INSERT INTO acp_events (session, number, body)
            SELECT owned.key, %s + added.place - 1, added.body
            FROM owned, unnest(%s::bytea[]) WITH ORDINALITY AS added (body, place)
            """,
            (changed, len(bodies), session_id.encode(), claim.epoch, n_before, n_before, bodies),
        ).rowcount
        if n_added:
            return n_before + n_added
        key, n_there = owned(db, session_id, claim)
        if n_there <= n_before or not claim.is_in_doubt:
            raise StoreError(f"session `{session_id}` was changed by somebody who does not own it")
        # One that was cut off did reach the database: what it added is there already.
        arrived = db.execute(
            "SELECT body FROM acp_events WHERE session = %s AND number >= %s ORDER BY number", (key, n_before)
        ).fetchall()
        bodies = bodies[_n_common([body for (body,) in arrived], bodies) :]
        n_before = n_there
    return n_before


def owned(db: Connection, session_id: SessionId, claim: Claim) -> tuple[int, int]:
    """Key and number of events of a session that is still the claim's; locked inside a transaction.

    Raises:
        SessionInUse: somebody took it over.
    """
    row = db.execute(
        "SELECT key, n_events, epoch, holder FROM acp_sessions WHERE sha256(id) = sha256(%s) FOR UPDATE",
        (session_id.encode(),),
    ).fetchone()
    if row is None:
        raise StoreError(f"no session `{session_id}` in the store")
    key, n_events, epoch, holder = row
    if epoch != claim.epoch:
        raise SessionInUse(session_id, holder)
    return key, n_events


def pieces(db: Connection, session_id: SessionId, start: int) -> list[Piece]:
    """Where the journal of a session lies, from event number `start` on, in order."""
    row = db.execute(
        "SELECT key, n_events FROM acp_sessions WHERE sha256(id) = sha256(%s)", (session_id.encode(),)
    ).fetchone()
    if row is None:
        return []
    segment, stop = row
    found: list[Piece] = []
    while True:
        link = _link(db, segment)
        first = 0 if link is None else link[1]
        if max(start, first) < stop:
            found.append((segment, max(start, first), stop))
        if link is None or start >= first:
            return found[::-1]
        segment, stop = link


def page(db: Connection, piece: Piece) -> list[tuple[int, bytes]]:
    """The next events, each with its number; none at the end."""
    return db.execute(
        """
        SELECT number, body FROM (
            SELECT number, body, sum(length(body)) OVER (ORDER BY number) - length(body) AS before
            FROM (
                SELECT number, body FROM acp_events
                WHERE session = %s AND number >= %s AND number < %s ORDER BY number LIMIT %s
            ) AS rows
        ) AS sized
        WHERE before < %s ORDER BY number
        """,
        (*piece, PAGE_ROWS, PAGE_BYTES),
    ).fetchall()


def delete(db: Connection, session_id: SessionId) -> bool:
    """Forget a session and what only it needs; False if there was none."""
    with db.transaction():
        row = db.execute(
            "SELECT key FROM acp_sessions WHERE sha256(id) = sha256(%s) FOR UPDATE", (session_id.encode(),)
        ).fetchone()
        if row is None:
            return False
        (key,) = row
        index_session(db, key)
        db.execute("DELETE FROM acp_sessions WHERE key = %s", (key,))
        db.execute("DELETE FROM acp_blob_uses WHERE session = %s", (key,))
        _drop_journal(db, key)
        drop_blobs(db)
    return True


def drop_orphans(db: Connection) -> int:
    """Drop segments that neither a session nor a fork needs; returns how many events there were."""
    orphans = db.execute(
        "SELECT DISTINCT session FROM acp_events WHERE session NOT IN (SELECT key FROM acp_sessions)"
    ).fetchall()
    return sum(_drop_journal(db, key) for (key,) in orphans)


def drop_blobs(db: Connection) -> int:
    """Drop the blobs no session uses; returns how many there were."""
    return db.execute(
        "DELETE FROM acp_blobs WHERE NOT EXISTS (SELECT 1 FROM acp_blob_uses WHERE blob = acp_blobs.id)"
    ).rowcount


def _insert(db: Connection, record: SessionRecord, n_events: int) -> int:
    """Add a session; its key.

    Raises:
        StoreError: there is one of this id.
    """
    row = db.execute(
        """
        INSERT INTO acp_sessions
            (id, cwd, changed, n_events, n_indexed, archived, epoch, holder, title_words, record)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, array_to_tsvector(%s::text[]), %s)
        ON CONFLICT DO NOTHING RETURNING key
        """,
        (
            record.id.encode(),
            record.cwd.encode(),
            microseconds(record.updated_at),
            n_events,
            n_events,
            record.archived,
            _FIRST_EPOCH,
            holder_name(),
            lexemes(record.title or ""),
            jsontext.dump(record),
        ),
    ).fetchone()
    if row is None:
        raise StoreError(f"session `{record.id}` exists already")
    return row[0]


def _drop_journal(db: Connection, key: int) -> int:
    row = db.execute("SELECT max(n_events) FROM acp_forks WHERE parent = %s", (key,)).fetchone()
    needed = row[0] if row is not None else None
    db.execute("DELETE FROM acp_said WHERE session = %s", (key,))
    n_dropped = db.execute(
        "DELETE FROM acp_events WHERE session = %s AND number >= %s", (key, needed or 0)
    ).rowcount
    if needed is not None:
        index_session(db, key, anew=True)
        return n_dropped
    link = _link(db, key)
    db.execute("DELETE FROM acp_forks WHERE session = %s", (key,))
    alive = "SELECT 1 FROM acp_sessions WHERE key = %s"
    if link is not None and db.execute(alive, (link[0],)).fetchone() is None:
        n_dropped += _drop_journal(db, link[0])
    return n_dropped


def _link(db: Connection, key: int) -> tuple[int, int] | None:
    return db.execute("SELECT parent, n_events FROM acp_forks WHERE session = %s", (key,)).fetchone()


def _n_common(one: list[bytes], other: list[bytes]) -> int:
    n_common = 0
    for each, its in zip(one, other, strict=False):
        if each != its:
            break
        n_common += 1
    return n_common
