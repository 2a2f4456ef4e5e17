"""Every single failure of the disk, one after another: nothing is lost, and trying again works."""

from __future__ import annotations

import errno
import itertools
import os
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acp_agent.base.errors import StoreError
from acp_agent.base.ids import MessageId, SessionId, TurnId
from acp_agent.model.events import Event, TextChunk, TurnEnded
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore
from acp_agent.stores.disk import Disk
from acp_agent.stores.file import FileStore
from acp_agent.stores.sqlite import SqliteStore

NOW = datetime(2024, 5, 6, tzinfo=UTC)
S, FORK = SessionId("s"), SessionId("fork")
END = TurnEnded(TurnId("t"), "end_turn", NOW)
BLOB = b"blob" * 100


def record(name: SessionId, title: str | None = None) -> SessionRecord:
    return SessionRecord(name, "/x", NOW, NOW, title=title)


def chunks(*texts: str) -> list[Event]:
    return [TextChunk(MessageId("m"), text) for text in texts]


async def read(store: SessionStore, session_id: SessionId) -> list[Event]:
    return [event async for event in store.read(session_id)]


class Story:
    """A life of two sessions, step by step; a step that fails is tried again once."""

    def __init__(self, store: SessionStore, reopen: Callable[[], SessionStore]) -> None:
        self.store = store
        self.reopen = reopen
        self.n_failed = 0
        self.acknowledged: dict[SessionId, list[Event]] = {}

    async def tell(self) -> None:
        store = self.store
        await self.step(lambda: store.claim(S))
        await self.step(lambda: store.create(record(S)))
        self.acknowledged[S] = []
        await self.append(S, chunks("one", "two"))
        await self.step(lambda: store.sync(S))
        await self.append(S, chunks("three"))
        await self.append(S, [END])
        await self.step(lambda: store.sync(S))
        await self.append(S, chunks("four"))
        await self.step(lambda: store.update(record(S, "A title")))
        blob_id = await self.step(lambda: store.put_blob(S, BLOB))
        await self.step(lambda: store.claim(FORK))
        await self.step(lambda: store.fork(record(FORK), S, 3))
        self.acknowledged[FORK] = self.acknowledged[S][:3]
        await self.append(FORK, chunks("five"))
        found = await self.again(lambda: store.get(S))
        assert found is not None
        assert (found.title, found.n_events) == ("A title", 5)
        await self.step(lambda: store.release(S))
        await self.check()
        whole = self.acknowledged.pop(S)  # a failing deletion leaves all of it or nothing
        await self.step(lambda: store.delete(S))
        assert await self.again(lambda: read(store, S)) in ([], whole)
        await self.step(lambda: store.delete(S))
        assert await self.again(lambda: store.get_blob(FORK, blob_id)) == BLOB
        await self.append(FORK, [END])
        await self.step(lambda: store.sync(FORK))
        await self.step(lambda: store.collect_garbage())
        await self.step(lambda: store.aclose())
        await self.check()

    async def append(self, session_id: SessionId, events: list[Event]) -> None:
        await self.step(lambda: self.store.append(session_id, events))
        self.acknowledged[session_id] = [*self.acknowledged[session_id], *events]
        await self.check()

    async def step(self, act: Callable[[], Awaitable]):
        return await self.again(act, between=self.check)

    async def again(self, act: Callable[[], Awaitable], between: Callable[[], Awaitable] | None = None):
        try:
            return await act()
        except StoreError:
            self.n_failed += 1
        if between is not None:
            await between()
        return await act()

    async def check(self) -> None:
        other = self.reopen()
        for session_id, events in self.acknowledged.items():
            assert await read(other, session_id) == events
            assert await self.again(lambda session_id=session_id: read(self.store, session_id)) == events
        await other.aclose()


class FailingDisk(Disk):
    """Fails its operation number `failing`, a write after half of it."""

    def __init__(self, failing: int, code: int) -> None:
        self.n_done = 0
        self._failing = failing
        self._code = code

    def _count(self) -> None:
        self.n_done += 1
        if self.n_done == self._failing:
            raise OSError(self._code, os.strerror(self._code))

    def open(self, path: Path, *, empty: bool = False) -> int:
        self._count()
        return super().open(path, empty=empty)

    def write(self, file: int, data: bytes) -> None:
        if self.n_done + 1 == self._failing:
            super().write(file, data[: len(data) // 2])
        self._count()
        super().write(file, data)

    def truncate(self, file: int, size_bytes: int) -> None:
        self._count()
        super().truncate(file, size_bytes)

    def sync(self, file: int) -> None:
        self._count()

    def sync_directory(self, directory: Path) -> None:
        self._count()

    def replace(self, source: Path, target: Path) -> None:
        self._count()
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        self._count()
        super().remove(path)

    def make_directory(self, path: Path) -> None:
        self._count()
        super().make_directory(path)


async def test_any_single_failing_operation_of_the_file_store_loses_nothing_and_heals(tmp_path):
    n_failed = 0
    for failing in itertools.count(1):
        folder = tmp_path / str(failing)
        disk = FailingDisk(failing, errno.ENOSPC if failing % 2 else errno.EIO)
        story = Story(FileStore(folder, disk=disk), lambda folder=folder: FileStore(folder))
        await story.tell()
        n_failed += story.n_failed
        assert not list(folder.rglob("*.tmp"))
        if disk.n_done < failing:
            break
    assert n_failed > 30


async def test_lines_stay_until_a_power_loss_cannot_bring_the_old_json_file_back(tmp_path):
    done: list[str] = []

    class Told(Disk):
        n_refused = 0

        def sync_directory(self, directory: Path) -> None:
            if done and done[-1] == "replaced" and self.n_refused < 3:
                self.n_refused += 1
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            done.append("safe")

        def replace(self, source: Path, target: Path) -> None:
            super().replace(source, target)
            done.append("replaced")

        def truncate(self, file: int, size_bytes: int) -> None:
            super().truncate(file, size_bytes)
            done.append("emptied")

        def remove(self, path: Path) -> None:
            super().remove(path)
            done.append("emptied")

    disk = Told()
    store = FileStore(tmp_path / "x", disk=disk)
    disk.n_refused = 3
    await store.create(record(S))
    await store.claim(S)
    await store.append(S, [*chunks("one"), END])
    done.clear()
    disk.n_refused = 0
    with pytest.raises(StoreError):
        await store.sync(S)
    with pytest.raises(StoreError):
        await store.append(S, chunks("two"))
    await store.append(S, chunks("two"))
    assert done[:3] == ["replaced", "safe", "emptied"]
    assert disk.n_refused == 3
    await store.aclose()
    assert await read(store, S) == [*chunks("one"), END, *chunks("two")]


class Interrupted(SqliteStore):
    """Fails after `failing` steps of SQLite's machine, once.

    Not while it commits: an interruption is reported there though the commit was done, a failing disk is not.
    """

    def __init__(self, path: Path, failing: int) -> None:
        super().__init__(path)
        self.has_failed = False
        self._n_left = failing
        self._is_committing = False

    def _open(self) -> sqlite3.Connection:
        db = super()._open()
        db.set_trace_callback(self._note)
        db.set_progress_handler(self._tick, 1)
        return db

    def _note(self, statement: str) -> None:
        self._is_committing = statement == "COMMIT"

    def _tick(self) -> bool:
        if self._is_committing:
            return False
        self._n_left -= 1
        self.has_failed = self.has_failed or self._n_left == 0
        return self._n_left == 0


async def test_sqlite_interrupted_at_any_point_loses_nothing_and_heals(tmp_path):
    n_failed = n_rounds = 0
    failing = 1
    while True:
        path = tmp_path / f"{failing}.db"
        store = Interrupted(path, failing)
        story = Story(store, lambda path=path: SqliteStore(path))
        await story.tell()
        n_failed += story.n_failed
        n_rounds += 1
        if not store.has_failed:
            break
        failing += 1 + failing // 12  # thousands of steps: each of the first, and ever fewer of the later
    assert n_rounds > 30
    assert n_failed > 10


class FullDisk(FailingDisk):
    """Has no room from some moment on, until it has."""

    def __init__(self) -> None:
        super().__init__(0, errno.ENOSPC)
        self.is_full = False

    def write(self, file: int, data: bytes) -> None:
        if self.is_full:
            Disk.write(self, file, data[:7])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, data)


async def test_a_full_disk_is_named_and_work_goes_on_once_there_is_room(tmp_path):
    disk = FullDisk()
    store = FileStore(tmp_path / "x", disk=disk)
    await store.claim(S)
    await store.create(record(S))
    await store.append(S, chunks("one"))
    disk.is_full = True
    for _ in range(3):
        with pytest.raises(StoreError, match="free some disk space"):
            await store.append(S, [*chunks("two"), END])
        with pytest.raises(StoreError, match="free some disk space"):
            await store.create(record(FORK))
    assert await read(FileStore(tmp_path / "x"), S) == chunks("one")
    disk.is_full = False
    await store.append(S, [*chunks("two"), END])
    disk.is_full = True
    await store.sync(S)  # the lines are safe where they are
    disk.is_full = False
    await store.aclose()
    assert await read(store, S) == [*chunks("one", "two"), END]


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A directory nobody may write to; for a time not even the superuser, who becomes somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="acp-closed-"))
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.rmdir()


@pytest.mark.skipif(os.name != "posix", reason="directories have no such modes elsewhere")
@pytest.mark.parametrize("kind", ["file", "sqlite"])
async def test_a_directory_that_cannot_be_written_is_named_with_a_remedy(closed_folder, kind):
    store = FileStore(closed_folder / "x") if kind == "file" else SqliteStore(closed_folder / "x.db")
    with pytest.raises(StoreError, match=r"acp-closed-.*writable"):
        await store.create(record(S))
    with pytest.raises(StoreError, match=r"acp-closed-.*writable"):
        await store.claim(S)
    await store.aclose()


async def test_a_read_only_disk_is_told_and_what_is_there_stays_readable(tmp_path):
    class ReadOnly(Disk):
        is_read_only = False

        def open(self, path: Path, *, empty: bool = False) -> int:
            if self.is_read_only:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return super().open(path, empty=empty)

    disk = ReadOnly()
    store = FileStore(tmp_path / "x", disk=disk)
    await store.create(record(S))
    await store.append(S, chunks("one"))
    disk.is_read_only = True
    with pytest.raises(StoreError, match="Read-only file system; make the directory"):
        await store.append(S, chunks("two"))
    assert await read(store, S) == chunks("one")
    assert len((await store.list(cwd=None, cursor=None, limit=5)).sessions) == 1
