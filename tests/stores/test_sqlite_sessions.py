"""The SQLite store's forks, search and housekeeping: files of before, shared rows, an index that follows."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime

import anyio
import pytest

from acp_agent.base.errors import StoreCorrupt, StoreError
from acp_agent.base.ids import MessageId, SessionId
from acp_agent.model.events import TextChunk
from acp_agent.model.session import SessionRecord
from acp_agent.stores.sqlite import SqliteStore

NOW = datetime(2024, 5, 6, tzinfo=UTC)
S = SessionId("s")


def record(name: str = "s") -> SessionRecord:
    return SessionRecord(SessionId(name), "/x", NOW, NOW)


def chunk(text: str, message: str = "m") -> TextChunk:
    return TextChunk(MessageId(message), text)


async def texts(store: SqliteStore, name: str = "s") -> list[str]:
    return [event.text async for event in store.read(SessionId(name)) if isinstance(event, TextChunk)]


async def found(store: SqliteStore, query: str) -> list[str]:
    return [hit.session.id for hit in await store.search(query, cwd=None, limit=10)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sessions.db"


@pytest.fixture
async def store(path):
    store = SqliteStore(path)
    yield store
    await store.aclose()


def count(path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


async def test_a_file_of_the_first_version_is_taken_over_with_everything_in_it(path, store):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(
            "CREATE TABLE sessions (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, cwd TEXT NOT NULL,"
            " changed INTEGER NOT NULL, n_events INTEGER NOT NULL, record BLOB NOT NULL)"
        )
        db.execute(
            "CREATE TABLE events (number INTEGER PRIMARY KEY, session INTEGER NOT NULL, body BLOB NOT NULL)"
        )
        db.execute("CREATE INDEX events_of_session ON events (session, number)")
        db.execute("PRAGMA user_version = 1")
        old = b'{"id":"s","cwd":"/x","created_at":"2024-05-06T00:00:00Z","updated_at":"2024-05-06T00:00:00Z"}'
        db.execute("INSERT INTO sessions VALUES (1, 's', '/x', 5, 1, ?)", (old,))
        db.execute("INSERT INTO events VALUES (1, 1, ?)", (b'{"type":"text","message_id":"m","text":"old"}',))
    assert await texts(store) == ["old"]
    (listed,) = (await store.list(cwd=None, cursor=None, limit=5)).sessions
    assert (listed.archived, listed.parent, listed.system_prompt, listed.n_events) == (False, None, "", 1)
    assert await found(store, "old") == ["s"]
    await store.append(S, [chunk("new")])
    assert await texts(store) == ["old", "new"]


async def test_a_fork_copies_no_events(path, store):
    await store.create(record())
    await store.append(S, [chunk(str(n)) for n in range(1000)])
    for n in range(20):
        await store.fork(record(f"fork{n}"), S, 900)
    assert count(path, "events") == 1000
    assert len(await texts(store, "fork7")) == 900


async def test_a_deleted_source_keeps_only_what_forks_see_until_the_last_is_gone(path, store):
    await store.create(record())
    await store.append(S, [chunk(str(n)) for n in range(10)])
    await store.fork(record("long"), S, 7)
    await store.fork(record("short"), S, 3)
    await store.delete(S)
    assert count(path, "events") == 7
    await store.delete(SessionId("long"))
    assert await texts(store, "short") == ["0", "1", "2"]
    await store.delete(SessionId("short"))
    assert [count(path, table) for table in ("events", "forks", "said", "blob_uses")] == [0, 0, 0, 0]


async def test_a_session_made_after_a_deletion_never_gets_another_ones_events(store):
    for n in range(40):
        await store.create(record("old"))
        await store.append(SessionId("old"), [chunk("secret")])
        if n % 2:
            await store.fork(record("fork"), SessionId("old"), 1)
        await store.delete(SessionId("old"))
        await store.create(record("new"))
        assert await texts(store, "new") == []
        await store.append(SessionId("new"), [chunk("public")])
        assert await texts(store, "new") == ["public"]
        assert await found(store, "secret") == (["fork"] if n % 2 else [])
        for name in ("new", "fork"):
            await store.delete(SessionId(name))


async def test_the_first_search_makes_the_index_and_appends_do_not(path, store):
    await store.create(record())
    await store.append(S, [chunk(f"word{n} ", f"m{n % 7}") for n in range(1200)])
    assert count(path, "said") == 0
    assert await found(store, "word1199 word3") == ["s"]
    assert count(path, "said") >= 7
    before = count(path, "said")
    await store.append(S, [chunk("another", "m0")])
    assert count(path, "said") == before
    assert await found(store, "another") == ["s"]


async def test_appending_goes_on_while_a_search_reads_everything(store):
    await store.create(record())
    await store.append(S, [chunk(f"word{n} ") for n in range(3000)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(found, store, "word2999")
        for n in range(30):
            await store.append(S, [chunk(f"late{n} ")])
            await anyio.lowlevel.checkpoint()
    assert await found(store, "late29") == ["s"]


async def test_damaged_rows_do_not_break_a_search(path, store):
    await store.create(record())
    await store.create(record("other"))
    await store.append(S, [chunk("good"), chunk("bad")])
    await store.append(SessionId("other"), [chunk("good")])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("""UPDATE events SET body = CAST('{"type":"text"' AS BLOB) WHERE number = 2""")
        db.execute("UPDATE sessions SET record = x'7b' WHERE id = 'other'")
    assert await found(store, "good") == ["s"]
    assert await found(store, "bad") == []


async def test_a_damaged_blob_is_named(path, store):
    await store.create(record())
    blob_id = await store.put_blob(S, b"content")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE blobs SET data = x'00'")
    with pytest.raises(StoreCorrupt, match=blob_id):
        await store.get_blob(S, blob_id)


async def test_rows_nobody_refers_to_are_collected(path, store):
    await store.create(record())
    await store.append(S, [chunk("one"), chunk("two")])
    await store.put_blob(S, b"content")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM sessions")
    freed = await store.collect_garbage()
    assert (freed.n_events, freed.n_blobs) == (2, 1)
    assert count(path, "events") == 0


async def test_a_second_process_is_told_who_holds_a_session(path, store):
    other = SqliteStore(path)
    await store.create(record())
    await store.claim(S)
    with pytest.raises(StoreError, match=r"session `s` is in use by process \d+ on `.+`; close it there"):
        await other.claim(S)
    assert await texts(other) == []
    await store.aclose()
    await other.claim(S)
    await other.aclose()
