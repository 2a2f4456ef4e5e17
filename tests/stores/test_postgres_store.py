"""What the PostgreSQL store promises beyond the contract: one owner among machines, no password told."""

import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import anyio
import pytest

from acp_agent.base.errors import SessionInUse, StoreCorrupt, StoreError, StoreTooNew
from acp_agent.base.ids import MessageId, SessionId
from acp_agent.model.events import TextChunk
from acp_agent.model.session import SessionRecord
from acp_agent.stores.postgres import PostgresStore
from acp_agent.stores.postgres_address import shown_address, without_secrets

psycopg = pytest.importorskip("psycopg")

NOW = datetime(2024, 5, 6, tzinfo=UTC)
S = SessionId("s")

HOLDER = """
import sys
import anyio
from datetime import UTC, datetime
from acp_agent.base.ids import MessageId, SessionId
from acp_agent.model.events import TextChunk
from acp_agent.model.session import SessionRecord
from acp_agent.stores.postgres import PostgresStore

async def main(url):
    now = datetime(2024, 5, 6, tzinfo=UTC)
    store = PostgresStore(url)
    await store.claim(SessionId("s"))
    await store.create(SessionRecord(SessionId("s"), "/x", now, now))
    n = 0
    while True:
        await store.append(SessionId("s"), [TextChunk(MessageId("m"), str(n))])
        print(n, flush=True)
        n += 1

anyio.run(main, sys.argv[1])
"""


def start_holder(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that happens in the server, which tells nobody."""
    for _ in range(500):
        if await condition():
            return
        await anyio.sleep(0.01)
    pytest.fail("it never happened")


def record(name: str = "s") -> SessionRecord:
    return SessionRecord(SessionId(name), "/x", NOW, NOW)


def chunk(text: str) -> TextChunk:
    return TextChunk(MessageId("m"), text)


async def texts(store: PostgresStore) -> list[str]:
    return [event.text async for event in store.read(S) if isinstance(event, TextChunk)]


def run(url: str, *statements: str) -> None:
    """Do something in the database behind the store's back."""
    with psycopg.connect(url, autocommit=True) as db:
        for statement in statements:
            db.execute(statement)


LOSE_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'acp-agent' AND pid <> pg_backend_pid()"
)


@pytest.fixture
def url(new_store):
    return new_store()


@pytest.fixture
async def store(url):
    store = PostgresStore(url)
    yield store
    await store.aclose()


@pytest.fixture
async def other(url):
    other = PostgresStore(url)
    yield other
    await other.aclose()


async def test_a_killed_owner_loses_nothing_it_was_told_is_safe_and_is_succeeded(url, store):
    with start_holder(url) as holder:
        assert holder.stdout is not None
        for _ in range(50):
            acknowledged = int(holder.stdout.readline())
        with pytest.raises(SessionInUse, match=f"process {holder.pid} on"):
            await store.claim(S)
        holder.kill()
        acknowledged = max([acknowledged, *map(int, holder.stdout.read().split(b"\n")[:-1])])

    async def is_claimed() -> bool:
        try:
            await store.claim(S)
        except SessionInUse:  # the server has yet to notice
            return False
        return True

    await eventually(is_claimed)
    seen = await texts(store)
    assert seen == [str(n) for n in range(len(seen))]
    assert len(seen) > acknowledged
    await store.append(S, [chunk("mine")])


async def test_an_owner_that_lost_its_lock_cannot_write_once_it_was_succeeded(url, store, other):
    await store.claim(S)
    await store.create(record())
    await store.append(S, [chunk("one")])
    run(url, LOSE_CONNECTIONS)
    await other.claim(S)
    await settle(store)
    with pytest.raises(SessionInUse):  # the new owner has written nothing yet
        await store.append(S, [chunk("three")])
    await other.append(S, [chunk("two")])
    for act in (
        lambda: store.append(S, [chunk("three")]),
        lambda: store.update(record()),
        lambda: store.put_blob(S, b"x"),
    ):
        await settle(store)
        with pytest.raises(SessionInUse, match="process"):
            await act()
    assert await texts(other) == ["one", "two"]


async def settle(store: PostgresStore) -> None:
    """Let the store notice that its connection is gone."""
    try:
        await store.get(S)
    except StoreError:
        await store.get(S)


async def test_an_owner_that_lost_its_lock_goes_on_while_nobody_succeeds_it(url, store, other):
    await store.claim(S)
    await store.create(record())
    await store.append(S, [chunk("one")])
    run(url, LOSE_CONNECTIONS)
    await settle(store)
    await store.append(S, [chunk("two")])
    with pytest.raises(StoreError):
        await store.claim(SessionId("notices"))
    await store.claim(SessionId("notices"))
    with pytest.raises(SessionInUse):
        await other.claim(S)
    assert await texts(store) == ["one", "two"]


async def test_an_append_that_was_cut_off_is_neither_lost_nor_repeated(url, store):
    await store.claim(S)
    await store.create(record())
    await store.append(S, [chunk("one")])
    with psycopg.connect(url) as blocker:
        blocker.execute("SELECT 1 FROM acp_sessions FOR UPDATE")
        with anyio.move_on_after(0.05) as cut_off:
            await store.append(S, [chunk("two"), chunk("three")])
        assert cut_off.cancelled_caught

    async def arrived() -> bool:
        return await texts(store) != ["one"]

    await eventually(arrived)
    await store.append(S, [chunk("two"), chunk("three"), chunk("four")])
    await store.append(S, [chunk("five")])
    assert await texts(store) == ["one", "two", "three", "four", "five"]


async def test_an_append_that_never_arrived_is_stored_by_the_next(url, store):
    await store.claim(S)
    await store.create(record())
    run(url, LOSE_CONNECTIONS)
    with pytest.raises(StoreError, match="check that the server runs"):
        await store.append(S, [chunk("one")])
    await store.append(S, [chunk("one"), chunk("two")])
    assert await texts(store) == ["one", "two"]


async def test_a_create_that_was_cut_off_can_be_tried_again(url, store):
    await store.claim(S)
    with psycopg.connect(url) as blocker:
        blocker.execute("LOCK acp_sessions IN SHARE MODE")
        with anyio.move_on_after(0.05) as cut_off:
            await store.create(record())
        assert cut_off.cancelled_caught

    async def arrived() -> bool:
        return await store.get(S) is not None

    await eventually(arrived)
    await store.create(record())
    await store.append(S, [chunk("one")])
    with pytest.raises(StoreError, match="exists already"):
        await store.create(record())
    assert await texts(store) == ["one"]


async def test_sessions_survive_a_crash_of_the_server(postgres, url, store):
    await store.claim(S)
    await store.create(record())
    await store.append(S, [chunk("one")])
    postgres.stop()
    try:
        with pytest.raises(StoreError, match="check that the server runs"):
            await store.append(S, [chunk("two")])
        with pytest.raises(StoreError, match="check that the server runs"):
            await store.list(cwd=None, cursor=None, limit=1)
    finally:
        postgres.start()
    await store.append(S, [chunk("two")])
    assert await texts(store) == ["one", "two"]


async def test_tables_of_a_newer_version_are_refused_by_name(url, store):
    await store.create(record())
    await store.aclose()
    run(url, "UPDATE acp_schema SET version = 99")
    with pytest.raises(StoreTooNew, match="upgrade acp-agent"):
        await store.get(S)


async def test_many_processes_make_the_tables_together(url):
    stores = [PostgresStore(url) for _ in range(5)]
    async with anyio.create_task_group() as tasks:
        for number, store in enumerate(stores):
            tasks.start_soon(store.create, record(f"s{number}"))
    for store in stores:
        assert await store.get(SessionId("s3")) is not None
        await store.aclose()


async def test_damaged_rows_cost_only_themselves(url, store, caplog):
    await store.create(record())
    await store.create(record("other"))
    await store.append(S, [chunk("one"), chunk("two"), chunk("three")])
    await store.append(SessionId("other"), [chunk("fine")])
    run(
        url,
        r"UPDATE acp_events SET body = '{' WHERE number = 1",
        r"UPDATE acp_sessions SET record = 'x' WHERE id = 'other'",
    )
    with caplog.at_level(logging.WARNING):
        assert await texts(store) == ["one", "three"]
        page = await store.list(cwd=None, cursor=None, limit=5)
    assert [found.id for found in page.sessions] == ["s"]
    assert [hit.session.id for hit in await store.search("one", cwd=None, limit=5)] == ["s"]
    assert await store.search("fine", cwd=None, limit=5) == ()
    with pytest.raises(StoreCorrupt, match="session `other`: unreadable session record"):
        await store.get(SessionId("other"))
    assert "session `s` has damaged events" in caplog.text
    assert "session `other` is left out of the list" in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hunter2@127.0.0.1:1/db",
        "postgresql://me:hunter2@127.0.0.1:1/db?password=hunter2x",
        "postgresql://me:hunter2@127.0.0.1:1/db?no_such_option=hunter2",
        "postgresql://me:hunter2@[::1/db",
        "postgresql://me:hunter2@127.0.0.1:port/db",
        "postgresql://me:%68unter2@127.0.0.1:1/hunter2",
    ],
)
async def test_no_error_shows_a_password(address):
    store = PostgresStore(address)
    with pytest.raises(StoreError) as caught:
        await store.get(S)
    shown = repr(caught.value) + repr(caught.value.__cause__)
    assert "hunter" not in shown.replace("/hunter2`", "")
    await store.aclose()


def test_addresses_are_shown_without_passwords_and_parameters():
    assert shown_address("postgresql://me:secret@host:5/db?password=x") == "postgresql://me@host:5/db"
    assert shown_address("postgresql:///db") == "postgresql:///db"
    assert without_secrets("a secret b", "postgresql://me:secret@host/db") == "a *** b"


async def test_two_stores_in_one_database_do_not_meet(new_store):
    one, two = PostgresStore(new_store()), PostgresStore(new_store())
    await one.claim(S)
    await two.claim(S)
    await one.create(record())
    assert await two.get(S) is None
    await one.aclose()
    await two.aclose()
