"""Where memories are kept: one behaviour in memory and in files, and what files survive."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from acp_agent import ports
from acp_agent.base.errors import StoreError
from acp_agent.model.memory import MemoryItem
from acp_agent.stores.disk import Disk
from acp_agent.stores.memories import InMemoryStore
from acp_agent.stores.memory_files import FileMemoryStore
from tests.engine.conftest import NOW, ticking_clock


def item(name: str, content: str, *, importance: float = 0.5, days: float = 0, tags: str = "") -> MemoryItem:
    return MemoryItem(
        id=name,
        content=content,
        memory_type="semantic",
        importance=importance,
        timestamp=NOW - timedelta(days=days),
        tags=tuple(tags.split()),
        metadata={"from": "test"},
    )


PARSER = item("mem_1", "the parser is in src/parse.py", tags="code", days=3)
TESTS = item("mem_2", "run the parser tests with pytest", importance=0.9, days=2, tags="Test code")
PORT = item("mem_3", "the server listens on 8080", importance=0.1, days=1)

Make = Callable[..., ports.MemoryStore]


@pytest.fixture(params=["memory", "files"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def make(**options: int) -> ports.MemoryStore:
        if request.param == "memory":
            return InMemoryStore(clock=ticking_clock(), **options)  # type: ignore[arg-type]
        return FileMemoryStore(tmp_path / "memories", clock=ticking_clock(), **options)  # type: ignore[arg-type]

    return make


async def filled(store: ports.MemoryStore) -> ports.MemoryStore:
    for each in (PARSER, TESTS, PORT):
        await store.store(each)
    return store


async def test_an_empty_store_finds_nothing(make: Make) -> None:
    store = make()
    assert await store.search("parser", 5) == await store.get_recent(5) == []
    assert (await store.retrieve("mem_1"), await store.count(), await store.clear()) == (None, 0, 0)
    assert (await store.delete("mem_1"), store.problems()) == (False, ())


async def test_what_is_stored_comes_back_whole(make: Make) -> None:
    store = await filled(make())
    assert [await store.retrieve(each.id) for each in (PARSER, TESTS, PORT)] == [PARSER, TESTS, PORT]
    assert await store.count() == 3
    await store.store(item("mem_3", "the server listens on 9090"))
    changed = await store.retrieve("mem_3")
    assert changed is not None
    assert (changed.content, await store.count()) == ("the server listens on 9090", 3)


async def test_every_way_to_find_something(make: Make) -> None:
    store = await filled(make())
    assert await store.search("where are the parser tests", 5) == [TESTS, PARSER]
    assert await store.search("parser", 1) == [TESTS]
    assert await store.search_by_tags(["code"], 5) == [TESTS, PARSER]
    assert await store.search_by_tags(["test"], 5) == [TESTS]
    assert await store.get_recent(2) == [PORT, TESTS]
    assert await store.get_important(0.5, 5) == [TESTS, PARSER]


async def test_recalls_are_counted(make: Make) -> None:
    store = await filled(make())
    for _ in range(2):
        await store.note_recall(["mem_1", "nobody"], NOW)
    found = await store.retrieve("mem_1")
    assert found is not None
    assert (found.access_count, found.last_accessed, found.content) == (2, NOW, PARSER.content)


async def test_things_are_forgotten(make: Make) -> None:
    store = await filled(make())
    assert (await store.delete("mem_1"), await store.delete("mem_1")) == (True, False)
    assert await store.search("parser", 5) == [TESTS]
    assert (await store.clear(), await store.count(), await store.get_recent(5)) == (2, 0, [])


async def test_the_least_relevant_goes_when_there_is_no_room_but_never_the_last(make: Make) -> None:
    store = make(max_items=2)
    for each in (PORT, TESTS, PARSER):
        await store.store(each)
    assert {each.id for each in await store.get_recent(5)} == {"mem_1", "mem_2"}
    await store.store(item("mem_4", "of no importance", importance=0, days=300))
    assert {each.id for each in await store.get_recent(5)} == {"mem_2", "mem_4"}


# Files


def folder(tmp_path: Path, disk: Disk | None = None) -> FileMemoryStore:
    return FileMemoryStore(tmp_path / "memories", clock=ticking_clock(), disk=disk)


async def test_another_process_finds_what_was_stored(tmp_path: Path) -> None:
    ours, theirs = folder(tmp_path), folder(tmp_path)
    assert await theirs.count() == 0
    await filled(ours)
    assert await theirs.search("parser", 5) == [TESTS, PARSER]
    await theirs.delete("mem_1")
    assert await ours.search("parser", 5) == [TESTS]


async def test_two_processes_that_store_at_once_lose_nothing(tmp_path: Path) -> None:
    ours, theirs = folder(tmp_path), folder(tmp_path)
    index = tmp_path / "memories" / "index.json"
    await ours.store(PARSER)
    before = index.read_bytes()
    await theirs.store(TESTS)
    index.write_bytes(before)  # as if ours had been written last, without knowing theirs
    assert await folder(tmp_path).count() == 2


async def test_the_files_are_readable_private_and_named_after_their_items(tmp_path: Path) -> None:
    await filled(folder(tmp_path))
    place = tmp_path / "memories"
    assert sorted(path.relative_to(place).as_posix() for path in place.rglob("*.*")) == [
        *("index.json", "items/mem_1.json", "items/mem_2.json", "items/mem_3.json"),
    ]
    assert json.loads((place / "items" / "mem_1.json").read_bytes())["content"] == PARSER.content
    if os.name == "posix":
        for path in (place, *place.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize("damage", [None, b"", b"{", b'{"entries": 1}', b"\xff" * 100])
async def test_an_index_that_is_gone_or_damaged_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    await filled(folder(tmp_path))
    index = tmp_path / "memories" / "index.json"
    if damage is None:
        index.unlink()
    else:
        index.write_bytes(damage)
    again = folder(tmp_path)
    assert (await again.search("parser", 5), again.problems()) == ([TESTS, PARSER], ())
    await again.store(item("mem_5", "more"))
    assert json.loads(index.read_bytes())["format"] == 1


async def test_a_damaged_item_is_named_once_and_the_others_are_found(tmp_path: Path) -> None:
    await filled(folder(tmp_path))
    broken = tmp_path / "memories" / "items" / "mem_2.json"
    broken.write_bytes(b'{"id": "mem_2"')
    store = folder(tmp_path)
    assert await store.search("parser", 5) == [PARSER]
    (problem,) = store.problems()
    assert str(broken) in problem
    assert await store.search("parser", 5) == [PARSER]
    assert (store.problems(), await store.count()) == ((), 2)
    assert await store.delete("mem_2")
    assert not broken.exists()


@pytest.mark.parametrize("change", [{"timestamp": "2026-01-01T00:00:00"}, {"importance": 1e9}])
async def test_an_item_or_index_of_which_nobody_can_tell_the_relevance_is_damaged(
    change: dict[str, object], tmp_path: Path
) -> None:
    store = await filled(folder(tmp_path))
    kept = tmp_path / "memories" / "items" / "mem_2.json"
    kept.write_text(json.dumps(json.loads(kept.read_bytes()) | change), encoding="utf-8")
    index = tmp_path / "memories" / "index.json"
    entries = json.loads(index.read_bytes())
    for entry in entries["entries"]:
        entry["item"] |= change
    index.write_text(json.dumps(entries), encoding="utf-8")
    assert [found.id for found in await store.search("parser", 5)] == ["mem_1"]
    (problem,) = store.problems()
    assert str(kept) in problem


async def test_an_item_under_another_name_is_none(tmp_path: Path) -> None:
    store = await filled(folder(tmp_path))
    items = tmp_path / "memories" / "items"
    (items / "mem_9.json").write_bytes((items / "mem_1.json").read_bytes())
    assert (await store.count(), len(store.problems())) == (3, 1)


@pytest.mark.skipif(os.name != "posix", reason="links need a right on Windows")
async def test_a_link_is_no_item(tmp_path: Path) -> None:
    store = await filled(folder(tmp_path))
    outside = tmp_path / "mem_7.json"
    outside.write_text("{}", encoding="utf-8")
    (tmp_path / "memories" / "items" / "mem_7.json").symlink_to(outside)
    assert (await store.count(), len(store.problems())) == (3, 1)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a" * 200, "x\n"])
async def test_an_id_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    store = folder(tmp_path)
    with pytest.raises(StoreError, match="no name for a file"):
        await store.store(item(name, "x"))
    assert (await store.retrieve(name), await store.delete(name)) == (None, False)
    assert not (tmp_path / "memories").exists()


class FailingDisk(Disk):
    """Fails at the n-th operation that changes something; after that nothing is written any more."""

    def __init__(self, after: int) -> None:
        self.left = after

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")

    def write(self, file: int, data: bytes) -> None:
        self._step()
        super().write(file, data)

    def sync(self, file: int) -> None:
        self._step()
        super().sync(file)

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)


@pytest.mark.parametrize("after", range(6))
async def test_whatever_write_fails_nothing_that_was_there_is_lost(tmp_path: Path, after: int) -> None:
    await filled(folder(tmp_path))
    store = folder(tmp_path, FailingDisk(after))
    with pytest.raises(StoreError, match=r"no space left on device; make the folder"):
        await store.store(item("mem_1", "the parser moved"))
    again = folder(tmp_path)
    found = await again.retrieve("mem_1")
    assert found is not None
    assert found.content in (PARSER.content, "the parser moved")
    assert (await again.count(), again.problems()) == (3, ())
    assert [path.name for path in (tmp_path / "memories").rglob("*.tmp")] == []
