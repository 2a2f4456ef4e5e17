"""The tables of the PostgreSQL store, as the ordered steps that lead to them.

Steps are appended, never changed. Tables are made in the first schema of the connection's search path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from acp_agent.base.errors import StoreError, StoreTooNew

if TYPE_CHECKING:
    from psycopg import Connection

_ONE_AT_A_TIME = 0x6163705F61676E74

_TABLES = (
    # Ids, directories and what is stored are bytes: text cannot hold NUL. Ids can be too long for an index.
    # `epoch` counts the owners of a session; whoever writes must be the last of them. There is no index on
    # `changed`, because then every append would have to write to it.
    """
    CREATE TABLE acp_sessions (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id bytea NOT NULL,
        cwd bytea NOT NULL,
        changed bigint NOT NULL,
        n_events bigint NOT NULL,
        n_indexed bigint NOT NULL,
        archived boolean NOT NULL,
        epoch bigint NOT NULL,
        holder text NOT NULL,
        title_words tsvector NOT NULL,
        record bytea NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX acp_sessions_id ON acp_sessions (sha256(id))",
    # `number` is the event's place in the journal; that of a fork goes on where what it inherits ends.
    """
    CREATE TABLE acp_events (
        session bigint NOT NULL,
        number bigint NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (session, number)
    )
    """,
    # A deleted parent has no row in `acp_sessions` any more, but keeps the events its forks refer to.
    """
    CREATE TABLE acp_forks (
        session bigint PRIMARY KEY,
        parent bigint NOT NULL,
        n_events bigint NOT NULL
    )
    """,
    "CREATE INDEX acp_forks_parent ON acp_forks (parent)",
    "CREATE TABLE acp_blobs (id text PRIMARY KEY, data bytea NOT NULL)",
    "CREATE TABLE acp_blob_uses (session bigint NOT NULL, blob text NOT NULL, PRIMARY KEY (session, blob))",
    "CREATE INDEX acp_blob_uses_blob ON acp_blob_uses (blob)",
    # What was said in the first `n_indexed` events of each session, a row for each message.
    """
    CREATE TABLE acp_said (
        session bigint NOT NULL,
        message bytea NOT NULL,
        first bigint NOT NULL,
        text bytea NOT NULL,
        words tsvector NOT NULL,
        PRIMARY KEY (session, message)
    )
    """,
    "CREATE INDEX acp_said_words ON acp_said USING gin (words)",
)

MIGRATIONS: tuple[tuple[LiteralString, ...], ...] = (_TABLES,)


def migrate(db: Connection, where: str) -> None:
    """Bring the tables up to date.

    Raises:
        StoreTooNew: they have seen steps this version does not know.
        StoreError: the database cannot hold every text.
    """
    row = db.execute("SHOW server_encoding").fetchone()
    if row != ("UTF8",):
        raise StoreError(f"session store `{where}`: the database's encoding must be `UTF8`")
    if _version(db) == len(MIGRATIONS):
        return
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
        found = _version(db)
        if found > len(MIGRATIONS):
            raise StoreTooNew(where, found, len(MIGRATIONS))
        for statements in MIGRATIONS[found:]:
            for statement in statements:
                db.execute(statement)
        db.execute("CREATE TABLE IF NOT EXISTS acp_schema (version integer NOT NULL)")
        db.execute("DELETE FROM acp_schema")
        db.execute("INSERT INTO acp_schema VALUES (%s)", (len(MIGRATIONS),))


def _version(db: Connection) -> int:
    # `to_regclass` would answer from a cache, which waiting for another process does not refresh.
    is_made = """
        SELECT 1 FROM pg_class WHERE relname = 'acp_schema' AND relnamespace = current_schema()::regnamespace
    """
    if db.execute(is_made).fetchone() is None:
        return 0
    row = db.execute("SELECT version FROM acp_schema").fetchone()
    return 0 if row is None else row[0]
