"""What the SQLite store promises beyond the contract: privacy, remedies, and calm in the face of damage."""

import contextlib
import logging
import os
import sqlite3
import stat
from datetime import UTC, datetime, timedelta

import pytest

from acp_agent.base.errors import StoreCorrupt, StoreError, StoreTooNew
from acp_agent.base.ids import MessageId, SessionId
from acp_agent.model.events import TextChunk
from acp_agent.model.session import SessionRecord
from acp_agent.stores.database import map_errors
from acp_agent.stores.sqlite import SqliteStore
from acp_agent.stores.sqlite_journal import PAGE_ROWS

NOW = datetime(2024, 5, 6, tzinfo=UTC)
S = SessionId("s")
posix_only = pytest.mark.skipif(os.name != "posix", reason="file modes exist on POSIX only")


def record(name: str = "s") -> SessionRecord:
    return SessionRecord(SessionId(name), "/x", NOW, NOW)


def chunk(text: str) -> TextChunk:
    return TextChunk(MessageId("m"), text)


async def texts(store: SqliteStore, session_id: SessionId = S) -> list[str]:
    return [event.text async for event in store.read(session_id)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sessions.db"


@pytest.fixture
async def store(path):
    store = SqliteStore(path)
    yield store
    await store.aclose()


async def test_constructing_a_store_touches_no_files(tmp_path):
    store = SqliteStore(tmp_path / "a" / "b.db")
    await store.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_sessions_survive_reopening_the_file(path, store):
    await store.create(record())
    await store.append(S, [chunk("one"), chunk("two")])
    await store.aclose()

    reopened = SqliteStore(path)
    assert await texts(reopened) == ["one", "two"]
    before = await store.get(S)
    await store.aclose()
    assert await reopened.get(S) == before
    await reopened.aclose()
    await reopened.sync(S)  # a closed store opens again by itself
    assert await texts(reopened) == ["one", "two"]
    await reopened.aclose()


async def test_append_marks_the_session_as_changed_by_the_given_clock(path):
    later = NOW + timedelta(days=1, microseconds=7)
    store = SqliteStore(path, clock=lambda: later)
    await store.create(record())
    await store.append(S, [chunk("one")])
    found = await store.get(S)
    await store.aclose()
    assert found is not None
    assert (found.created_at, found.updated_at, found.n_events) == (NOW, later, 1)


async def test_long_journals_are_read_in_order_across_pages(store):
    wanted = [str(n) for n in range(2 * PAGE_ROWS + 1)]
    await store.create(record())
    await store.append(S, [chunk(text) for text in wanted])
    assert await texts(store) == wanted


async def test_appending_goes_on_while_a_journal_is_read(store):
    await store.create(record())
    await store.append(S, [chunk("old")] * PAGE_ROWS)
    n_read = 0
    async for _ in store.read(S):
        n_read += 1
        if n_read == 1:
            await store.append(S, [chunk("new")])
    assert n_read >= PAGE_ROWS
    assert (await texts(store))[-1] == "new"


async def test_sync_shortens_a_long_write_ahead_log(path, store):
    await store.create(record())
    for _ in range(3):
        await store.append(S, [chunk("x" * 2_000_000)])
    await store.sync(S)
    await store.append(S, [chunk("small")])
    assert path.with_name("sessions.db-wal").stat().st_size < 1_000_000
    assert path.stat().st_size > 6_000_000
    assert len(await texts(store)) == 4


@posix_only
async def test_files_are_private_even_with_an_open_umask(tmp_path):
    path = tmp_path / "new" / "dir" / "sessions.db"
    before = os.umask(0)
    try:
        store = SqliteStore(path)
        await store.create(record())
        await store.append(S, [chunk("secret")])
        modes = {
            entry.name: stat.S_IMODE(entry.stat().st_mode)
            for entry in (path.parent.parent, path.parent, *path.parent.iterdir())
        }
        await store.aclose()
    finally:
        os.umask(before)
    assert modes == {
        "new": 0o700,
        "dir": 0o700,
        "sessions.db": 0o600,
        "sessions.db-wal": 0o600,
        "sessions.db-shm": 0o600,
    }


async def test_impossible_directory_is_reported_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    store = SqliteStore(tmp_path / "file" / "sessions.db")
    with pytest.raises(StoreError, match="choose another place for it") as caught:
        await store.list(cwd=None, cursor=None, limit=1)
    assert str(tmp_path) in str(caught.value)


async def test_directory_in_place_of_the_file_is_reported_with_a_remedy(path, store):
    path.mkdir()
    with pytest.raises(StoreError, match="make the file and its directory writable"):
        await store.get(S)


@contextlib.contextmanager
def no_file_may_grow_beyond(size_bytes: int):
    import resource  # POSIX only

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@posix_only
async def test_write_failing_anywhere_loses_nothing_and_heals(path, store):
    await store.create(record())
    log = path.with_name("sessions.db-wal")
    acknowledged: list[str] = []
    n_failed = 0
    for room in range(0, 40_000, 1_000):
        batch = [f"{room}-{n} " + "x" * 3000 for n in range(3)]
        with no_file_may_grow_beyond(log.stat().st_size + room):
            try:
                await store.append(S, [chunk(text) for text in batch])
            except StoreError:
                n_failed += 1
            else:
                acknowledged += batch
        other = SqliteStore(path)
        assert await texts(other) == await texts(store) == acknowledged
        await other.aclose()
        await store.append(S, [chunk("healed")])
        acknowledged.append("healed")
    assert 0 < n_failed < 40
    found = await store.get(S)
    assert found is not None
    assert found.n_events == len(acknowledged)


def test_full_disk_is_named_with_a_remedy(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (x)")
        db.execute("PRAGMA max_page_count = 3")
        with pytest.raises(StoreError, match="full; free some disk space"), map_errors(path):
            db.execute("INSERT INTO t VALUES (randomblob(100000))")


async def test_file_locked_for_too_long_is_named_with_a_remedy(path, store):
    await store.create(record())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with (
            contextlib.closing(sqlite3.connect(path, timeout=0)) as blocked,
            pytest.raises(StoreError, match="locked; another process"),
            map_errors(path),
        ):
            blocked.execute("DELETE FROM sessions")


async def test_damaged_events_are_left_out_with_one_warning(path, store, caplog):
    await store.create(record())
    await store.append(S, [chunk(str(n)) for n in range(6)])
    await store.aclose()
    damage = [(1, b"{"), (3, "text"), (4, None), (5, 7)]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for row, body in damage:
            if body is None:
                db.execute("UPDATE events SET body = zeroblob(3) WHERE number = ?", (row,))
            else:
                db.execute("UPDATE events SET body = ? WHERE number = ?", (body, row))
    with caplog.at_level(logging.WARNING):
        assert await texts(store) == ["1", "5"]
    assert [r.getMessage() for r in caplog.records] == [
        "session `s` has damaged events, which are left out; first: "
        "unreadable event: Input data was truncated"
    ]


async def test_damaged_record_is_left_out_of_the_list_and_refused_by_get(path, store, caplog):
    for name in ("a", "b", "c"):
        await store.create(record(name))
        await store.append(SessionId(name), [chunk(name)])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE sessions SET record = x'7b' WHERE id = 'b'")
    page = await store.list(cwd=None, cursor=None, limit=10)
    assert [found.id for found in page.sessions] == ["c", "a"]
    assert "session `b` is left out of the list" in caplog.text
    with pytest.raises(StoreCorrupt, match="unreadable session record"):
        await store.get(SessionId("b"))
    assert await texts(store, SessionId("b")) == ["b"]


async def test_file_that_is_no_database_is_reported_and_kept(path, store):
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreCorrupt, match="move it away to start a new one"):
        await store.create(record())
    assert path.read_bytes() == b"not a database at all" * 100


async def test_file_cut_anywhere_fails_as_a_store_error_or_not_at_all(tmp_path):
    whole = tmp_path / "whole.db"
    store = SqliteStore(whole)
    await store.create(record())
    await store.append(S, [chunk("x" * 500)] * 50)
    await store.aclose()
    content = whole.read_bytes()
    for size in range(0, len(content), 997):
        cut = tmp_path / f"{size}.db"
        cut.write_bytes(content[:size])
        store = SqliteStore(cut)
        try:
            seen = await texts(store)
        except StoreError:
            seen = []
        await store.aclose()
        assert set(seen) <= {"x" * 500}


async def test_file_of_a_newer_version_is_refused_by_name(path, store):
    await store.create(record())
    await store.aclose()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match="upgrade acp-agent") as caught:
        await store.get(S)
    assert str(path) in str(caught.value)


async def test_text_without_a_stored_form_is_refused(store):
    with pytest.raises(StoreError, match="lone surrogates"):
        await store.create(record("\ud800"))
