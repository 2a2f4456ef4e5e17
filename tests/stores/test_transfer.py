"""A session taken from one store into another is the same session: record, journal, kept files, replay."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.base.errors import SessionInUse, SessionNotFound, StoreCorrupt, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.engine.transfer import BATCH, copy_session, export_session, import_session
from acp_agent.model import events
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore
from acp_agent.stores.file import FileStore
from acp_agent.stores.memory import MemoryStore
from acp_agent.stores.sqlite import SqliteStore
from acp_agent.surface.v1.projector import Projector
from tests.stores.test_event_roundtrip import EVENTS

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
IDS = itertools.count()

MakeStore: TypeAlias = Callable[[], SessionStore]


@pytest.fixture(params=["memory", "sqlite", "file", "postgres"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    numbers = itertools.count()
    match request.param:
        case "memory":
            return MemoryStore
        case "sqlite":
            return lambda: SqliteStore(tmp_path / f"{next(numbers)}.db")
        case "file":
            return lambda: FileStore(tmp_path / str(next(numbers)))
        case _:
            from acp_agent.stores.postgres import PostgresStore

            new_store: Callable[[], str] = request.getfixturevalue("new_store")
            return lambda: PostgresStore(new_store())


async def lines_of(*lines: bytes) -> AsyncIterator[bytes]:
    for line in lines:
        yield line


async def exported(store: SessionStore, session_id: SessionId) -> list[bytes]:
    return [line async for line in export_session(store, session_id, NOW)]


async def journal_of(store: SessionStore, session_id: SessionId) -> list[events.Event]:
    return [event async for event in store.read(session_id)]


async def filled(store: SessionStore, journal: list[events.Event], title: str | None = None) -> SessionId:
    session_id = SessionId(f"sess_{next(IDS)}")
    await store.create(SessionRecord(session_id, "/x", NOW, NOW, title=title))
    await store.append(session_id, journal)
    return session_id


def shown(journal: list[events.Event]) -> list[object]:
    projector = Projector(list, notices=True)
    projector.replaying = True
    return [update for event in journal for update in projector.addressed(event)]


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(journal=st.lists(st.one_of(*EVENTS.values()), max_size=12), title=st.text(max_size=9))
async def test_a_session_taken_to_another_store_is_replayed_the_same(
    make_store: MakeStore, journal: list[events.Event], title: str
) -> None:
    source, target = MemoryStore(), make_store()
    title = title.replace("\0", "").encode("utf-8", "replace").decode()
    session_id = await filled(source, journal, title=title)
    try:
        await copy_session(source, target, session_id, NOW)
        assert await target.get(session_id) == await source.get(session_id)
        there = await journal_of(target, session_id)
        assert there == journal
        assert shown(there) == shown(journal)
        assert await exported(target, session_id) == await exported(source, session_id)
    finally:
        await target.aclose()


async def test_kept_files_and_long_journals_go_along_once(make_store: MakeStore) -> None:
    source, target = make_store(), MemoryStore()
    session_id = await filled(source, [events.Noticed("info", str(n)) for n in range(2 * BATCH + 1)])
    blob = await source.put_blob(session_id, b"before\r\n")
    kept = [events.FileKept("/x/a", "hash", existed=True, blob=blob)] * 2
    await source.append(session_id, kept)
    lines = await exported(source, session_id)
    assert sum(b'"line":"blob"' in line for line in lines) == 1
    await import_session(target, lines_of(*lines))
    assert await target.get_blob(session_id, blob) == b"before\r\n"
    assert await journal_of(target, session_id) == await journal_of(source, session_id)
    await source.aclose()


@pytest.mark.parametrize("cut", range(7))
async def test_half_an_export_leaves_nothing_behind(make_store: MakeStore, cut: int) -> None:
    store = make_store()
    source = MemoryStore()
    session_id = await filled(source, [events.Noticed("info", str(n)) for n in range(3)])
    blob = await source.put_blob(session_id, b"x")
    await source.append(session_id, [events.FileKept("/x/a", None, existed=True, blob=blob)])
    lines = await exported(source, session_id)
    with pytest.raises(StoreCorrupt, match=rf"line {cut + 1}: the export ends in the middle"):
        await import_session(store, lines_of(*lines[:cut]))
    with pytest.raises(StoreCorrupt, match=rf"line {cut + 1}: unreadable"):
        await import_session(store, lines_of(*lines[:cut], lines[cut][:-9]))
    assert await store.get(session_id) is None
    await import_session(store, lines_of(*lines))
    assert await journal_of(store, session_id) == await journal_of(source, session_id)
    await store.aclose()


@pytest.mark.parametrize(
    ("number", "line", "why"),
    [
        (
            0,
            b'{"line":"head","format":"other","version":1,"exported_at":"2024-05-06T07:08:09Z"}',
            "no exported",
        ),
        (
            0,
            b'{"line":"head","format":"acp-agent session","version":9,"exported_at":"2024-05-06T07:08:09Z"}',
            "version 9, this version knows up to 1; upgrade acp-agent",
        ),
        (1, b'{"line":"end","n_events":0}', "record is missing"),
        (2, b'{"line":"blob","id":"x","base64":"aGk="}', "damaged"),
        (2, b'{"line":"blob","id":"x","base64":"a"}', "damaged"),
        (2, b'{"line":"end","n_events":7}', "0 events instead of 7"),
        (
            2,
            b'{"line":"head","format":"acp-agent session","version":1,"exported_at":"2024-05-06T07:08:09Z"}',
            "mid",
        ),
    ],
)
async def test_what_is_no_export_is_refused_by_line(number: int, line: bytes, why: str) -> None:
    source, target = MemoryStore(), MemoryStore()
    session_id = await filled(source, [events.Noticed("info", "hello")])
    lines = await exported(source, session_id)
    lines[number] = line
    with pytest.raises(StoreCorrupt, match=why) as caught:
        await import_session(target, lines_of(*lines))
    assert str(caught.value).startswith(f"line {number + 1}: ")
    assert await target.get(session_id) is None


async def test_a_session_that_is_there_already_stays_as_it_is(make_store: MakeStore) -> None:
    store = make_store()
    session_id = await filled(store, [events.Noticed("info", "first")])
    lines = await exported(store, session_id)
    await store.append(session_id, [events.Noticed("info", "second")])
    with pytest.raises(StoreError, match="in the store already"):
        await import_session(store, lines_of(*lines))
    assert len(await journal_of(store, session_id)) == 2
    await store.aclose()


async def test_a_session_at_work_elsewhere_is_not_overwritten(tmp_path: Path) -> None:
    here, there = SqliteStore(tmp_path / "s.db"), SqliteStore(tmp_path / "s.db")
    session_id = await filled(here, [events.Noticed("info", "first")])
    await here.claim(session_id)
    with pytest.raises(SessionInUse):
        await import_session(there, lines_of(*await exported(there, session_id)))
    await here.aclose()
    await there.aclose()


async def test_a_missing_kept_file_does_not_keep_the_rest_from_being_exported() -> None:
    source, target = MemoryStore(), MemoryStore()
    session_id = await filled(source, [events.FileKept("/x/a", None, existed=True, blob="0" * 64)])
    await copy_session(source, target, session_id, NOW)
    assert await journal_of(target, session_id) == await journal_of(source, session_id)
    with pytest.raises(SessionNotFound):
        await copy_session(source, target, SessionId("unknown"), NOW)
