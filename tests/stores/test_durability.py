"""What is acknowledged stays, whatever happens to the process; several processes share one file."""

import subprocess
import sys
from datetime import UTC, datetime

import anyio.to_thread
import pytest

from acp_agent.base.ids import MessageId, SessionId
from acp_agent.model.events import TextChunk
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore
from acp_agent.stores.file import FileStore
from acp_agent.stores.sqlite import SqliteStore

NOW = datetime(2024, 5, 6, tzinfo=UTC)

# Appends numbered events and prints each number once it is acknowledged; ends after `count` of them.
WRITER = """
import sys
import anyio.to_thread
from datetime import UTC, datetime
from pathlib import Path
from acp_agent.base.ids import MessageId, SessionId
from acp_agent.model.events import TextChunk
from acp_agent.model.session import SessionRecord
from acp_agent.stores.file import FileStore
from acp_agent.stores.sqlite import SqliteStore

async def main(path, name, count):
    now = datetime(2024, 5, 6, tzinfo=UTC)
    store = SqliteStore(Path(path)) if path.endswith(".db") else FileStore(Path(path))
    await store.claim(SessionId(name))
    await store.create(SessionRecord(SessionId(name), "/x", now, now))
    for n in range(int(count)):
        await store.append(SessionId(name), [TextChunk(MessageId("m"), str(n))])
        if n % 50 == 0:
            await store.sync(SessionId(name))
        print(n, flush=True)
    await store.aclose()

anyio.run(main, *sys.argv[1:])
"""


def start_writer(path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)], stdout=subprocess.PIPE
    )


async def numbers(store: SessionStore, name: str) -> list[int]:
    return [int(event.text) async for event in store.read(SessionId(name))]


@pytest.mark.parametrize("n_seen", [1, 137, 600])
@pytest.mark.parametrize("kind", [SqliteStore, FileStore])
async def test_every_acknowledged_append_survives_a_killed_process(tmp_path, n_seen, kind):
    path = tmp_path / ("sessions.db" if kind is SqliteStore else "sessions")
    with start_writer(path, "s", 1_000_000) as writer:
        assert writer.stdout is not None
        for _ in range(n_seen):
            acknowledged = int(writer.stdout.readline())
        writer.kill()
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split(b"\n")[:-1])])
    store = kind(path)
    await store.claim(SessionId("s"))
    seen = await numbers(store, "s")
    assert seen == list(range(len(seen)))
    assert len(seen) > acknowledged >= n_seen - 1

    await store.append(SessionId("s"), [TextChunk(MessageId("m"), str(len(seen)))])
    record = await store.get(SessionId("s"))
    await store.aclose()
    assert record is not None
    assert record.n_events == len(seen) + 1


async def test_processes_create_and_fill_one_file_together(tmp_path):
    path = tmp_path / "new" / "sessions.db"
    names = ["a", "b", "c", "d"]
    writers = [start_writer(path, name, 300) for name in names]
    store = SqliteStore(path)
    await store.create(SessionRecord(SessionId("own"), "/x", NOW, NOW))
    for n in range(300):
        await store.append(SessionId("own"), [TextChunk(MessageId("m"), str(n))])
    for writer in writers:
        with writer:
            await anyio.to_thread.run_sync(writer.communicate)
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    for name in ("own", *names):
        assert await numbers(store, name) == list(range(300))
    await store.aclose()
