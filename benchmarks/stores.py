"""`python -m benchmarks stores`: what sessions cost to keep, list and load, beside the plainest ways.

Every contender keeps the same events in the same run. `raw` is one SQLite table and nothing else: an INSERT
and a commit for each append. `rewrite` is the session as one JSON file that each turn writes anew.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple, Protocol

import anyio
import msgspec

from acp_agent.base.ids import MessageId, SessionId, ToolCallId, TurnId
from acp_agent.model import events
from acp_agent.model.codec import decode_event, encode_event
from acp_agent.model.content import Text
from acp_agent.model.session import SessionRecord
from acp_agent.stores.file import FileStore
from acp_agent.stores.file_format import FORMAT, Head, document, new_segment
from acp_agent.stores.sqlite import SqliteStore

S = SessionId("s")
NOW = datetime(2024, 5, 6, tzinfo=UTC)


class Plan(NamedTuple):
    """How much to measure: events in the sessions a turn is added to, events to load, sessions to list."""

    sizes: tuple[int, ...]
    n_loaded: int
    n_listed: int
    repeats: int


FULL = Plan((0, 1_000, 10_000, 100_000), 100_000, 100_000, 30)
SHORT = Plan((0, 1_000, 10_000), 10_000, 2_000, 10)


class Contender(Protocol):
    """The least a store does."""

    async def create(self, record: SessionRecord) -> None: ...
    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None: ...
    async def sync(self, session_id: SessionId) -> None: ...
    def read(self, session_id: SessionId) -> AsyncIterator[events.Event]: ...
    async def aclose(self) -> None: ...


class Raw:
    """One table."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "raw.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS t (session TEXT, body BLOB)")

    async def create(self, record: SessionRecord) -> None:
        """Nothing to do."""

    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO t VALUES (?, ?)", [(session_id, encode_event(e)) for e in events])
        self._db.execute("COMMIT")

    async def sync(self, session_id: SessionId) -> None:
        self._db.execute("PRAGMA wal_checkpoint(FULL)")

    async def read(self, session_id: SessionId) -> AsyncIterator[events.Event]:
        for (body,) in self._db.execute("SELECT body FROM t ORDER BY rowid").fetchall():
            yield decode_event(body)

    async def aclose(self) -> None:
        self._db.close()


class Rewrite:
    """One JSON file, written whole, flushed and renamed whenever a turn ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "session.json"
        self._events: list[events.Event] = []
        if self._path.exists():
            bodies = msgspec.json.decode(self._path.read_bytes(), type=list[msgspec.Raw])
            self._events = [decode_event(bytes(body)) for body in bodies]

    async def create(self, record: SessionRecord) -> None:
        """Nothing to do."""

    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None:
        self._events += events

    async def sync(self, session_id: SessionId) -> None:
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(self._events))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)

    async def read(self, session_id: SessionId) -> AsyncIterator[events.Event]:
        for event in self._events:
            yield event

    async def aclose(self) -> None:
        """Nothing to do."""


CONTENDERS: dict[str, Callable[[Path], Contender]] = {
    "raw": Raw,
    "rewrite": Rewrite,
    "file": lambda folder: FileStore(folder / "sessions"),
    "sqlite": lambda folder: SqliteStore(folder / "sessions.db"),
}
A_FEW_WORDS = events.TextChunk(MessageId("m"), "a few words more")
Results = dict[str, dict[str, float]]


def turn(number: int) -> list[events.Event]:
    """What one prompt with a tool call leaves in a journal: twenty events, some kilobytes."""
    name, call = f"{number}", ToolCallId(f"c{number}")
    talk = [events.TextChunk(MessageId(f"m{name}-{n}"), "All work and no play. " * 8) for n in range(14)]
    return [
        events.TurnStarted(TurnId(name), NOW),
        events.UserSaid(MessageId(f"u{name}"), (Text("Do it again, but better this time."),)),
        *talk,
        events.CallRequested(call, "read", {"path": "src/module.py"}),
        events.CallAnswered(call, (Text("line of code\n" * 100),), is_error=False),
        events.UsageChanged(1000 + number, 200_000, 0.1),
        events.TurnEnded(TurnId(name), "end_turn", NOW),
    ]


async def _fill(store: Contender, n_events: int) -> None:
    await store.create(SessionRecord(S, "/x", NOW, NOW))
    if isinstance(store, FileStore | SqliteStore):
        await store.claim(S)
    for number in range(0, n_events, 20):
        await store.append(S, turn(number))
    if n_events:
        await store.sync(S)


async def _timed(act: Callable[[], Awaitable[object]]) -> float:
    before = time.perf_counter()
    await act()
    return time.perf_counter() - before


async def _take_turn(store: Contender, number: int) -> None:
    parts = turn(number)
    for start in range(0, 20, 5):
        await store.append(S, parts[start : start + 5])
    await store.sync(S)


async def measure_turns(results: Results, plan: Plan, folder: Path) -> None:
    """An append of one event, and a turn of twenty in four appends with its sync, in ever longer sessions."""
    for size in plan.sizes:
        for name, opened in CONTENDERS.items():
            place = folder / f"{name}-{size}"
            place.mkdir()
            store = opened(place)
            await _fill(store, size)
            appends, turns = list[float](), list[float]()
            for number in range(plan.repeats):
                appends += [await _timed(partial(store.append, S, [A_FEW_WORDS])) for _ in range(10)]
                turns.append(await _timed(partial(_take_turn, store, size + number)))
            await store.aclose()
            if name != "rewrite":  # its appends only go to memory
                results.setdefault(f"append, at {size} events (µs)", {})[name] = median(appends) * 1e6
            results.setdefault(f"turn, at {size} events (ms)", {})[name] = median(turns) * 1e3


async def measure_loading(results: Results, plan: Plan, folder: Path) -> None:
    """A long session read to its end by a process of its own."""
    for name, opened in CONTENDERS.items():
        place = folder / f"load-{name}"
        place.mkdir()
        store = opened(place)
        await _fill(store, plan.n_loaded)
        await store.aclose()
        answer = await anyio.run_process(
            [sys.executable, "-m", "benchmarks.stores", "--load", name, str(place)], stderr=None
        )
        loaded = json.loads(answer.stdout)
        assert loaded["events"] == plan.n_loaded
        title = f"load of {plan.n_loaded} events"
        results.setdefault(f"{title} (1000 events/s)", {})[name] = plan.n_loaded / loaded["seconds"] / 1e3
        if loaded["mib"] is not None:
            results.setdefault(f"{title}, memory it took (MiB)", {})[name] = loaded["mib"]


async def measure_lists(results: Results, plan: Plan, folder: Path) -> None:
    """The first page of many sessions, when the store was just opened and once more."""
    moment = [NOW + timedelta(seconds=n * 7919 % 1_000_003) for n in range(plan.n_listed)]
    records = [
        SessionRecord(SessionId(f"sess_{n:032x}"), "/x", at, at, title=f"Session {n}", n_events=20)
        for n, at in enumerate(moment)
    ]
    plain = folder / "plain"
    plain.mkdir()
    for record in records:
        (plain / f"{record.id}.json").write_bytes(msgspec.json.encode(record))

    async def list_plainly() -> None:
        found = [msgspec.json.decode(path.read_bytes(), type=SessionRecord) for path in plain.iterdir()]
        sorted(found, key=lambda record: record.updated_at, reverse=True)

    directory = folder / "listed"
    directory.mkdir()
    for record in records:
        head = Head(FORMAT, record, new_segment())
        (directory / f"{record.id}.json").write_bytes(b"".join(document(head, ())))
    database = SqliteStore(folder / "listed.db")
    await database.list(cwd=None, cursor=None, limit=1)
    await database.aclose()
    with sqlite3.connect(folder / "listed.db") as db:
        db.executemany(
            "INSERT INTO sessions (id, cwd, changed, n_events, record) VALUES (?, ?, ?, 20, ?)",
            [(r.id, r.cwd, int(r.updated_at.timestamp() * 1e6), msgspec.json.encode(r)) for r in records],
        )
    db.close()
    title = f"list of {plan.n_listed} sessions, first page"
    cold = results.setdefault(f"{title}, just opened (ms)", {})
    warm = results.setdefault(f"{title}, again (ms)", {})
    cold["rewrite"], warm["rewrite"] = [await _timed(list_plainly) * 1e3 for _ in range(2)]
    for name, store in (("file", FileStore(directory)), ("sqlite", SqliteStore(folder / "listed.db"))):
        cold[name], warm[name] = [
            await _timed(partial(store.list, cwd=None, cursor=None, limit=50)) * 1e3 for _ in range(2)
        ]
        await store.aclose()


async def _load(name: str, folder: Path) -> dict[str, object]:
    before = _peak_mib()
    started = time.perf_counter()
    store = CONTENDERS[name](folder)
    n_events = 0
    async for _ in store.read(S):
        n_events += 1
    seconds = time.perf_counter() - started
    after = _peak_mib()
    await store.aclose()
    mib = None if before is None or after is None else after - before
    return {"events": n_events, "seconds": seconds, "mib": mib}


def _peak_mib() -> float | None:
    """The most memory this process had so far, or None where there is no `/proc`."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def measure(plan: Plan) -> Results:
    """Every figure of every contender, in the unit its title names."""
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="acp-bench-", ignore_cleanup_errors=True) as name:
        for part in (measure_turns, measure_loading, measure_lists):
            await part(results, plan, Path(name))
    return results


def table(results: Results) -> str:
    """One line for each figure, one column for each contender, with its ratio to `raw`, else `rewrite`."""
    lines = [f"{'':48}" + "".join(f"{name:>20}" for name in CONTENDERS)]
    for title, row in results.items():
        base = row.get("raw", row.get("rewrite", 0))
        cells = [
            f"{row[name]:.1f} ({row[name] / base:.2f}x)" if name in row and base else "-"
            for name in CONTENDERS
        ]
        lines.append(f"{title:48}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks stores", description=__doc__)
    parser.add_argument("--short", action="store_true", help="shorter sessions and lists, for CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--load", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.load:
        print(json.dumps(anyio.run(_load, options.load[0], Path(options.load[1]))))
        return 0
    results = anyio.run(measure, SHORT if options.short else FULL)
    print(table(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
