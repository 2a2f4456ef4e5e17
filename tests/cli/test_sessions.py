"""`acp-agent sessions`: stored sessions without an agent."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from acp_agent.base.ids import MessageId, SessionId, ToolCallId, TurnId
from acp_agent.cli.main import main
from acp_agent.model import events
from acp_agent.model.content import Text
from acp_agent.model.session import SessionRecord
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.stores.file import FileStore
from acp_agent.stores.sqlite import SqliteStore

NOW = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)


def journal(prompt: str) -> list[events.Event]:
    return [
        events.TurnStarted(TurnId("t1"), NOW),
        events.UserSaid(MessageId("u1"), (Text(f"{prompt}\x1b[2J"),)),
        events.ThoughtChunk(MessageId("m0"), "hm"),
        events.CallShown(ToolCallId("c1"), ToolCallPatch(title="Read `a`", status="pending")),
        events.CallShown(ToolCallId("c1"), ToolCallPatch(status="completed")),
        events.TextChunk(MessageId("m1"), "An answer\nin two lines"),
        events.TurnEnded(TurnId("t1"), "end_turn", NOW + timedelta(seconds=2)),
    ]


async def fill(path: Path) -> None:
    store = SqliteStore(path, clock=lambda: NOW)
    for number, cwd in enumerate(["/a", "/b", "/a"]):
        session_id = SessionId(f"s{number}")
        await store.create(SessionRecord(session_id, cwd, NOW, NOW))
        await store.append(session_id, journal(f"prompt {number}"))
        at = NOW + timedelta(minutes=number)
        await store.update(SessionRecord(session_id, cwd, NOW, at, title=f"title {number}"))
    await store.aclose()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACP_AGENT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ACP_AGENT_STORE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def store(tmp_path: Path, home: Path) -> str:
    anyio.run(fill, tmp_path / "s.db")
    return f"sqlite:///{(tmp_path / 's.db').as_posix().lstrip('/')}"


Run = Callable[..., str]


@pytest.fixture
def run(store: str, capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, code: int = 0) -> str:
        assert main(["sessions", *arguments]) == code
        return capfd.readouterr().out if code == 0 else capfd.readouterr().err

    return run


def test_sessions_are_listed_last_changed_first_by_folder_and_page(store: str, run: Run) -> None:
    assert run("list", "--store", store).splitlines() == [
        f"s{n}  2024-05-06 07:{8 + n:02}  title {n}" for n in (2, 1, 0)
    ]
    page = json.loads(run("list", "--store", store, "--json", "--limit", "2"))
    assert [one["id"] for one in page["sessions"]] == ["s2", "s1"]
    rest = json.loads(run("list", "--store", store, "--json", "--cursor", page["nextCursor"]))
    assert ([one["id"] for one in rest["sessions"]], rest["nextCursor"]) == (["s0"], None)
    assert [line[:2] for line in run("list", "--store", store, "--cwd", "/a").splitlines()] == ["s2", "s0"]
    assert run("list", "--store", store, "--archived") == ""


def test_a_conversation_is_shown_as_a_person_reads_it(store: str, run: Run) -> None:
    assert run("show", "s0", "--store", store) == (
        "s0  2024-05-06 07:08  title 0\n/a\n\n> prompt 0\\x1b[2J\n\n"
        "hm\n  ✔ Read `a`\nAn answer\nin two lines\n"
    )


def test_the_runs_of_a_session_are_listed(store: str, run: Run) -> None:
    assert run("show", "s1", "--runs", "--store", store) == (
        "t1  2024-05-06 07:08  completed         7  prompt 1\\x1b[2J\n"
    )
    (shown,) = json.loads(run("show", "s1", "--runs", "--json", "--store", store))
    assert (shown["status"], shown["result"]) == ("completed", "An answer\nin two lines")


def test_sessions_are_found_by_what_was_said(store: str, run: Run) -> None:
    assert run("search", "answer", "--store", store, "--cwd", "/b").splitlines()[0].startswith("s1 ")
    assert run("search", "nowhere", "--store", store) == ""
    assert len(json.loads(run("search", "answer", "--store", store, "--json"))) == 3


def test_an_export_is_taken_in_elsewhere_and_not_twice(store: str, run: Run, tmp_path: Path) -> None:
    file, other = str(tmp_path / "one.jsonl"), f"file:{(tmp_path / 'other').as_posix()}"
    run("export", "s1", "--store", store, "--output", file)
    assert run("export", "s1", "--store", store).splitlines()[1:] == Path(file).read_text().splitlines()[1:]
    assert "exists already" in run("export", "s1", "--store", store, "--output", file, code=1)
    assert run("import", file, "--store", other) == "s1\n"
    assert run("show", "s1", "--store", other) == run("show", "s1", "--store", store)
    assert "is in the store already" in run("import", file, "--store", other, code=1)
    assert "cannot read" in run("import", str(tmp_path / "missing"), "--store", other, code=1)
    Path(file).write_text("{}\n")
    assert "line 1: unreadable" in run("import", file, "--store", other, code=1)


def test_an_exported_session_is_for_its_owner_only(store: str, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    run("export", "s1", "--store", store, "-o", str(file))
    assert file.stat().st_mode & 0o077 == 0 or file.drive


def test_migrating_copies_everything_and_can_be_repeated(store: str, run: Run, tmp_path: Path) -> None:
    other = f"file:{(tmp_path / 'other').as_posix()}"
    assert run("migrate", "--from", store, "--to", other) == "copied 3, there already 0, failed 0\n"
    assert run("migrate", "--from", store, "--to", other) == "copied 0, there already 3, failed 0\n"
    assert run("list", "--store", other) == run("list", "--store", store)
    assert run("show", "s2", "--store", other) == run("show", "s2", "--store", store)
    assert "are the same store" in run("migrate", "--from", other, "--to", other, code=2)
    assert "needs two stores" in run("migrate", "--from", other, code=2)


def test_what_cannot_be_copied_is_named_and_the_rest_is_copied(store: str, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "other"

    async def spoil() -> None:
        other = FileStore(folder)
        await other.create(SessionRecord(SessionId("s1"), "/z", NOW, NOW))
        await other.append(SessionId("s1"), [events.Noticed("info", "another session of this name")])
        await other.aclose()

    anyio.run(spoil)
    told = run("migrate", "--from", store, "--to", f"file:{folder.as_posix()}", code=1)
    assert "[1/3] s0 title 0" in told
    assert "session `s1` is in the store already" in told
    assert [line[:2] for line in run("list", "--store", f"file:{folder.as_posix()}").splitlines()].count(
        "s2"
    ) == 1


def test_nothing_is_deleted_unasked(
    store: str, run: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "nobody was asked" in run("delete", "s0", "--store", store, code=2)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert "delete `title 0` with 7 events for good? [y/N] nothing was deleted" in run(
        "delete", "s0", "--store", store, code=1
    )
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run("delete", "s0", "--store", store) == "deleted s0\n"
    assert run("delete", "s1", "--store", store, "--yes") == "deleted s1\n"
    assert [line[:2] for line in run("list", "--store", store).splitlines()] == ["s2"]
    assert "no session `s0`" in run("delete", "s0", "--store", store, "--yes", code=1)


def test_a_session_at_work_elsewhere_is_not_deleted(store: str, run: Run, tmp_path: Path) -> None:
    holder = SqliteStore(tmp_path / "s.db")
    anyio.run(holder.claim, SessionId("s0"))
    try:
        assert "is in use by process" in run("delete", "s0", "--yes", "--store", store, code=1)
    finally:
        anyio.run(holder.aclose)


def test_garbage_collection_says_what_it_freed(store: str, run: Run) -> None:
    assert run("gc", "--store", store) == "freed: 0 events, 0 kept files, 0 left-over files\n"
    assert json.loads(run("gc", "--store", store, "--json")) == {"n_events": 0, "n_blobs": 0, "n_files": 0}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["show"], "`sessions show` needs a session's id"),
        (["search"], "`sessions search` needs words"),
        (["list", "--yes"], "`sessions list` has no option `--yes`"),
        (["migrate", "--store", "sqlite"], "`sessions migrate` has no option `--store`"),
        (["list", "--limit", "0"], "`--limit`: `0` is no number of sessions"),
        (["show", "s0", "--json"], "`--json` shows runs only"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(run: Run, arguments: list[str], why: str) -> None:
    assert why in run(*arguments, code=2)


def test_errors_have_stable_exit_codes(store: str, run: Run) -> None:
    assert "no session `nope`" in run("show", "nope", "--store", store, code=1)
    assert "is not a store" in run("list", "--store", "nonsense", code=3)
    assert "`cursor`" in run("list", "--store", store, "--cursor", "nonsense", code=1)
