"""What an SQLite store holds that no session needs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from acp_agent.ports import Freed
from acp_agent.stores.database import map_errors, open_database, transaction
from acp_agent.stores.sqlite_journal import drop_blobs, drop_journal


def sweep(path: Path) -> Freed:
    """Drop it and shrink the file. Blocks; call it in a thread."""
    with map_errors(path), closing(open_database(path)) as db:
        with transaction(db):
            db.execute("DELETE FROM blob_uses WHERE session NOT IN (SELECT key FROM sessions)")
            n_blobs = drop_blobs(db)
            orphans = db.execute(
                "SELECT DISTINCT session FROM events WHERE session NOT IN (SELECT key FROM sessions)"
            ).fetchall()
            n_events = sum(drop_journal(db, key) for (key,) in orphans)
        db.execute("VACUUM")
    return Freed(n_events=n_events, n_blobs=n_blobs)
