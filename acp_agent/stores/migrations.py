"""The schema of the SQLite store, as the ordered steps that lead to it.

`PRAGMA user_version` counts the steps a file has seen. Steps are appended, never changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from acp_agent.base.errors import StoreTooNew


def _sessions_and_events(db: sqlite3.Connection) -> None:
    # `record` is the session's record as JSON; the columns beside it are the truth for what they name.
    # There is no index on `changed`: it would add a page to every append, and sorting ten thousand
    # sessions for a list is quicker than the person who asked can notice.
    db.execute(
        """
        CREATE TABLE sessions (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            cwd TEXT NOT NULL,
            changed INTEGER NOT NULL,
            n_events INTEGER NOT NULL,
            record BLOB NOT NULL
        )
        """
    )
    # `number` grows over the whole table, so within a session it is the order of appends.
    db.execute(
        """
        CREATE TABLE events (
            number INTEGER PRIMARY KEY,
            session INTEGER NOT NULL,
            body BLOB NOT NULL
        )
        """
    )
    db.execute("CREATE INDEX events_of_session ON events (session, number)")


def _forks_archive_blobs_and_words(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE sessions ADD COLUMN archived INTEGER NOT NULL DEFAULT 0")
    # The journal of a fork begins with the first `n_events` of `parent`, the last of which is `last`. A
    # parent that was deleted has no row in `sessions` any more, but keeps these events. New keys never meet
    # its key: that of a fork is always larger.
    db.execute(
        """
        CREATE TABLE forks (
            session INTEGER PRIMARY KEY,
            parent INTEGER NOT NULL,
            n_events INTEGER NOT NULL,
            last INTEGER NOT NULL
        )
        """
    )
    db.execute("CREATE INDEX forks_of_parent ON forks (parent)")
    db.execute("CREATE TABLE blobs (id TEXT PRIMARY KEY, data BLOB NOT NULL)")
    db.execute(
        """
        CREATE TABLE blob_uses (
            session INTEGER NOT NULL,
            blob TEXT NOT NULL,
            PRIMARY KEY (session, blob)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX uses_of_blob ON blob_uses (blob)")
    # What was said, a row for each message, up to event `number` of `said_until`. Their words are indexed in
    # `said_words`, which the first search makes: nothing but a search should depend on SQLite having FTS5.
    db.execute(
        """
        CREATE TABLE said (
            key INTEGER PRIMARY KEY,
            session INTEGER NOT NULL,
            message TEXT NOT NULL,
            first INTEGER NOT NULL,
            text TEXT NOT NULL,
            UNIQUE (session, message)
        )
        """
    )
    db.execute("CREATE TABLE said_until (number INTEGER NOT NULL)")
    db.execute("INSERT INTO said_until VALUES (0)")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _sessions_and_events,
    _forks_archive_blobs_and_words,
)


def migrate(db: sqlite3.Connection, where: str) -> None:
    """Bring the schema up to date. Runs inside the caller's write transaction.

    Raises:
        StoreTooNew: the file at `where` has seen steps this version does not know.
    """
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > len(MIGRATIONS):
        raise StoreTooNew(where, found, len(MIGRATIONS))
    if found < len(MIGRATIONS):
        for step in MIGRATIONS[found:]:
            step(db)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
