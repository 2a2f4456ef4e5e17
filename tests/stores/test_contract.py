"""All stores keep the port's promises, and the contract kit notices stores that do not."""

import itertools
from collections.abc import Sequence

import pytest

from acp_agent.base.ids import SessionId
from acp_agent.model.events import Event
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionPage, SessionStore
from acp_agent.stores.file import FileStore
from acp_agent.stores.memory import MemoryStore
from acp_agent.stores.postgres import PostgresStore
from acp_agent.stores.sqlite import SqliteStore
from acp_agent.testing.contracts import ContractBroken, check_session_store


async def test_memory_store_keeps_the_contract():
    await check_session_store(MemoryStore)


async def test_sqlite_store_keeps_the_contract(tmp_path):
    numbers = itertools.count()

    def another(store: SessionStore) -> SqliteStore:
        assert isinstance(store, SqliteStore)
        return SqliteStore(store.path)

    await check_session_store(lambda: SqliteStore(tmp_path / f"{next(numbers)}.db"), reopen=another)


async def test_file_store_keeps_the_contract(tmp_path):
    numbers = itertools.count()

    def another(store: SessionStore) -> FileStore:
        assert isinstance(store, FileStore)
        return FileStore(store.directory)

    await check_session_store(lambda: FileStore(tmp_path / str(next(numbers))), reopen=another)


async def test_postgres_store_keeps_the_contract(new_store):
    def another(store: SessionStore) -> PostgresStore:
        assert isinstance(store, PostgresStore)
        return PostgresStore(store.url)

    await check_session_store(lambda: PostgresStore(new_store()), reopen=another)


class _Forgetful(MemoryStore):
    async def append(self, session_id: SessionId, events: Sequence[Event]) -> None:
        await super().append(session_id, events[:1000])


class _Generous(MemoryStore):
    async def update(self, record: SessionRecord) -> None:
        if await self.get(record.id) is not None:
            await super().update(record)


class _Lenient(MemoryStore):
    async def list(
        self, *, cwd: str | None, cursor: str | None, limit: int, archived: bool | None = False
    ) -> SessionPage:
        return await super().list(cwd=None, cursor=cursor, limit=limit, archived=archived)


@pytest.mark.parametrize(
    ("store", "complaint"),
    [
        (_Forgetful, "number of items: promised is 1506, seen was 1006"),
        (_Generous, "update() of an unknown session must raise StoreError; it returned None"),
        (_Lenient, "list(cwd=…): exactly this working directory, item 0: promised is 'a', seen was 'b'"),
    ],
)
async def test_contract_kit_names_the_broken_promise(store, complaint):
    with pytest.raises(ContractBroken) as caught:
        await check_session_store(store)
    assert complaint in str(caught.value)
