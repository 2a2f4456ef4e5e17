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


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_sessions_and_events,)


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
