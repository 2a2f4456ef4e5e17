"""What the file store promises beyond the contract: files people can read, and calm in the face of damage."""

import json
import logging
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from acp_agent.base.errors import StoreCorrupt, StoreError, StoreTooNew
from acp_agent.base.ids import MessageId, SessionId, TurnId
from acp_agent.model.events import TextChunk, TurnEnded
from acp_agent.model.session import SessionRecord
from acp_agent.stores.disk import Disk
from acp_agent.stores.file import FileStore
from acp_agent.stores.file_writing import SMALL_BYTES

NOW = datetime(2024, 5, 6, tzinfo=UTC)
S = SessionId("s")
END = TurnEnded(TurnId("t"), "end_turn", NOW)


def record(name: str = "s") -> SessionRecord:
    return SessionRecord(SessionId(name), "/x", NOW, NOW)


def chunk(text: str) -> TextChunk:
    return TextChunk(MessageId("m"), text)


async def texts(store: FileStore, session_id: SessionId = S) -> list[str]:
    return [event.text for event in [e async for e in store.read(session_id)] if isinstance(event, TextChunk)]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sessions"


@pytest.fixture
async def store(folder):
    store = FileStore(folder)
    yield store
    await store.aclose()


async def after_a_crash(folder) -> FileStore:
    """A store as the next process has it; nothing of the one before was closed."""
    return FileStore(folder)


async def test_constructing_a_store_touches_no_files(folder):
    await FileStore(folder).aclose()
    assert not folder.exists()


async def test_a_turn_that_ended_is_one_readable_json_file(folder, store):
    await store.create(record())
    await store.claim(S)
    await store.append(S, [chunk("one"), chunk("two")])
    assert {path.name for path in folder.iterdir()} >= {"s.json", "s.jsonl"}
    await store.append(S, [END])
    await store.sync(S)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"s.json"}
    document = json.loads((folder / "s.json").read_text("utf-8"))
    assert document["session"]["cwd"] == "/x"
    assert document["session"]["n_events"] == 3
    assert [event["type"] for event in document["events"]] == ["text", "text", "turn_ended"]
    assert (folder / "s.json").read_text("utf-8").count('\n{"type"') == 3


async def test_what_a_running_turn_said_is_there_after_a_crash(folder, store):
    await store.create(record())
    await store.claim(S)
    await store.append(S, [chunk("one"), END])
    await store.sync(S)
    await store.append(S, [chunk("two")])
    assert await texts(await after_a_crash(folder)) == ["one", "two"]


async def test_closing_puts_everything_into_the_json_file(folder, store):
    await store.create(record())
    await store.claim(S)
    await store.append(S, [chunk("one")])
    await store.aclose()
    assert not (folder / "s.jsonl").exists()
    assert await texts(store) == ["one"]


async def test_a_long_session_is_not_written_anew_at_every_turn(folder, store):
    await store.create(record())
    await store.claim(S)
    await store.append(S, [chunk("x" * SMALL_BYTES), END])
    await store.sync(S)
    before = (folder / "s.json").stat().st_ino, (folder / "s.json").stat().st_mtime_ns
    for _ in range(5):
        await store.append(S, [chunk("small"), END])
        await store.sync(S)
    assert ((folder / "s.json").stat().st_ino, (folder / "s.json").stat().st_mtime_ns) == before
    await store.append(S, [chunk("y" * (SMALL_BYTES // 3)), END])
    await store.sync(S)
    assert not (folder / "s.jsonl").exists()
    assert len(await texts(store)) == 7


async def test_lines_cut_at_any_byte_lose_only_what_was_cut(folder, store, caplog):
    await store.create(record())
    empty = (folder / "s.json").read_bytes()
    wanted: list[str] = []
    ends: list[int] = []
    for n in range(4):
        await store.append(S, [chunk(f"{n}a"), chunk(f"{n}b")])
        wanted += [f"{n}a", f"{n}b"]
        ends.append((folder / "s.jsonl").stat().st_size)
    lines = (folder / "s.jsonl").read_bytes()
    n_header = lines.index(b"\n") + 1
    assert (folder / "s.json").read_bytes() == empty

    for size in range(len(lines) + 1):
        (folder / "s.jsonl").write_bytes(lines[:size])
        n_whole = 2 * sum(end <= size for end in ends)
        cut = FileStore(folder)
        assert await texts(cut) == wanted[:n_whole]
        caplog.clear()
        await cut.append(S, [chunk("next")])
        is_torn = size not in (n_header, *ends) and size > n_header
        assert ["a crash cut off" in entry.getMessage() for entry in caplog.records] == [True] * is_torn
        assert await texts(cut) == [*wanted[:n_whole], "next"]


async def test_a_json_file_cut_at_any_byte_is_named_and_kept(folder, store):
    await store.create(record())
    await store.create(record("other"))
    await store.append(S, [chunk("one"), chunk("two"), END])
    await store.append(SessionId("other"), [chunk("fine")])
    await store.aclose()
    await store.claim(S)
    await store.append(S, [chunk("three")])
    await store.release(S)
    content = (folder / "s.json").read_bytes()
    for size in range(len(content) - len("]}\n")):
        (folder / "s.json").write_bytes(content[:size])
        damaged = FileStore(folder)
        with pytest.raises(StoreCorrupt, match=r"s\.json.* is damaged.*restore it from a backup"):
            await texts(damaged)
        if size % 16 == 0:
            assert await texts(damaged, SessionId("other")) == ["fine"]
            with pytest.raises(StoreError):
                await damaged.create(record())
        assert (folder / "s.json").read_bytes() == content[:size]
    page = await damaged.list(cwd=None, cursor=None, limit=10)
    assert "other" in [found.id for found in page.sessions]
    assert await damaged.delete(S)
    assert not (folder / "s.json").exists()


async def test_a_damaged_line_costs_itself_only_and_is_kept(folder, store, caplog):
    await store.create(record())
    await store.claim(S)
    for text in ("one", "two", "three"):
        await store.append(S, [chunk(text)])
    lines = (folder / "s.jsonl").read_bytes().replace(b'"two"', b'"two')
    (folder / "s.jsonl").write_bytes(lines)
    mended = await after_a_crash(folder)
    assert await texts(mended) == ["one", "three"]
    await store.aclose()


async def test_damaged_lines_are_kept_beside_when_they_are_put_into_the_json_file(folder):
    first = FileStore(folder)
    await first.create(record())
    for text in ("one", "two", "three"):
        await first.append(S, [chunk(text)])
    lines = (folder / "s.jsonl").read_bytes().replace(b'"two"', b'"two')
    (folder / "s.jsonl").write_bytes(lines)
    second = FileStore(folder)
    await second.claim(S)
    await second.append(S, [chunk("four"), END])
    await second.sync(S)
    await second.aclose()
    assert await texts(second) == ["one", "three", "four"]
    assert (folder / "s.jsonl.damaged-1").read_bytes().startswith(lines)


async def test_an_unreadable_first_line_is_named_and_nothing_is_overwritten(folder):
    store = FileStore(folder)
    await store.create(record())
    await store.append(S, [chunk("one")])
    lines = b"garbage" + (folder / "s.jsonl").read_bytes()
    (folder / "s.jsonl").write_bytes(lines)
    with pytest.raises(StoreCorrupt, match=r"s\.jsonl"):
        await texts(store)
    with pytest.raises(StoreCorrupt, match=r"s\.jsonl"):
        await store.append(S, [chunk("two")])
    assert (folder / "s.jsonl").read_bytes() == lines


async def test_a_damaged_event_is_left_out_with_one_warning(folder, store, caplog):
    await store.create(record())
    await store.claim(S)
    await store.append(S, [chunk("one"), chunk("two"), chunk("three"), END])
    await store.sync(S)
    await store.aclose()
    path = folder / "s.json"
    path.write_bytes(path.read_bytes().replace(b'"two"}', b'"two"'))
    with caplog.at_level(logging.WARNING):
        assert await texts(store) == ["one", "three"]
    assert [r.getMessage().partition(";")[0] for r in caplog.records] == [
        "session `s` has damaged events, which are left out"
    ]


async def test_a_file_somebody_formatted_anew_is_still_read(folder, store):
    await store.create(record())
    await store.append(S, [chunk("one"), chunk("two")])
    await store.claim(S)
    await store.append(S, [END])
    await store.aclose()
    document = json.loads((folder / "s.json").read_text("utf-8"))
    for indent in (None, 2):
        (folder / "s.json").write_text(json.dumps(document, indent=indent), "utf-8")
        await store.append(S, [chunk("three")])
        assert await texts(store) == ["one", "two", "three"]
        (folder / "s.jsonl").unlink()
    found = await store.get(S)
    assert found is not None
    assert found.n_events == 3


async def test_a_file_of_a_newer_version_is_refused_by_name(folder, store):
    await store.create(record())
    path = folder / "s.json"
    path.write_text('{"format": 9, "something": "else"}', "utf-8")
    with pytest.raises(StoreTooNew, match="upgrade acp-agent"):
        await store.get(S)
    with pytest.raises(StoreTooNew):
        await store.append(S, [chunk("one")])
    assert path.read_text("utf-8") == '{"format": 9, "something": "else"}'


async def test_a_file_without_newer_members_is_read(folder, store):
    folder.mkdir()
    (folder / "s.json").write_text(
        '{"format": 1, "session": {"id": "s", "cwd": "/x", "created_at": "2024-05-06T00:00:00Z",'
        ' "updated_at": "2024-05-06T00:00:00Z", "n_events": 1}, "segment": "abc",'
        ' "events": [{"type": "text", "message_id": "m", "text": "old"}]}',
        "utf-8",
    )
    assert await texts(store) == ["old"]
    found = await store.get(S)
    assert found is not None
    assert (found.archived, found.parent, found.system_prompt) == (False, None, "")


@pytest.mark.skipif(os.name != "posix", reason="file modes exist on POSIX only")
async def test_files_are_private_even_with_an_open_umask(tmp_path):
    folder = tmp_path / "new" / "dir"
    before = os.umask(0)
    try:
        store = FileStore(folder)
        await store.create(record())
        await store.claim(S)
        await store.append(S, [chunk("secret")])
        await store.put_blob(S, b"secret")
        found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").rglob("*")}
        await store.aclose()
    finally:
        os.umask(before)
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {path.name for path in found} >= {"s.json", "s.jsonl", "s.lock", "blobs"}


async def test_a_file_in_place_of_the_directory_is_reported_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    store = FileStore(tmp_path / "file")
    with pytest.raises(StoreError, match="choose another place"):
        await store.create(record())
    await store.aclose()


async def test_what_cut_off_writes_left_behind_is_collected(folder, store):
    await store.create(record())
    await store.append(S, [chunk("one")])
    await store.claim(S)
    leftovers = ("a.json.tmp", "gone.jsonl", "blobs/x.tmp", "claims/dead.lock")
    for name in (*leftovers, "s.json.tmp"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"left over")
    freed = await store.collect_garbage()
    assert freed.n_files == len(leftovers)
    assert not any((folder / name).exists() for name in leftovers)
    assert (folder / "s.json.tmp").exists()  # somebody may be writing it at this moment
    assert await texts(store) == ["one"]


async def test_nothing_is_dropped_while_a_session_cannot_be_read(folder, store):
    await store.create(record())
    await store.append(S, [chunk("one"), chunk("two")])
    await store.fork(record("fork"), S, 2)
    await store.delete(S)
    fork = folder / "fork.json"
    content = fork.read_bytes()
    fork.write_bytes(content[:30])
    freed = await store.collect_garbage()
    assert freed.n_events == 0
    fork.write_bytes(content)
    assert await texts(store, SessionId("fork")) == ["one", "two"]


async def test_a_clock_that_jumps_back_confuses_neither_order_nor_pages(folder):
    moment = NOW
    store = FileStore(folder, clock=lambda: moment)
    for n in range(6):
        name = SessionId(f"s{n}")
        await store.create(record(name))
        await store.append(name, [chunk("a")])
        moment -= timedelta(days=400)
        await store.append(name, [chunk("b")])
        moment += timedelta(days=399)
        assert await texts(store, name) == ["a", "b"]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.list(cwd=None, cursor=cursor, limit=2)
        seen += [found.id for found in page.sessions]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == [f"s{n}" for n in range(6)]
    await store.aclose()


async def test_changes_by_another_process_show_in_the_list(folder, store):
    await store.create(record())
    await store.append(S, [chunk("one")])
    other = FileStore(folder)
    for title in ("First", "Other", "Third"):
        found = await store.get(S)
        assert found is not None
        await store.update(SessionRecord(S, "/x", NOW, NOW, title=title))
        page = await other.list(cwd=None, cursor=None, limit=5)
        assert [found.title for found in page.sessions] == [title]


async def test_the_disk_is_waited_for_before_a_turn_counts_as_safe(folder):
    synced: list[str] = []

    class Watched(Disk):
        def sync(self, file: int) -> None:
            super().sync(file)
            synced.append("file")

        def sync_directory(self, directory) -> None:
            super().sync_directory(directory)
            synced.append(directory.name)

    store = FileStore(folder, disk=Watched())
    await store.create(record())
    await store.claim(S)
    synced.clear()
    await store.append(S, [chunk("one")])
    assert synced == []
    await store.sync(S)
    assert synced == (["file", "file", "sessions"] if os.name == "posix" else ["file", "sessions"])
    synced.clear()
    await store.append(S, [END])
    await store.sync(S)
    assert synced[:1] == ["file"]
    assert "sessions" in synced
    await store.aclose()
