"""Files and commands through the client, as far as it offered them; the disk for the rest."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest

from acp_agent.base.errors import FileMissing, WorkspaceError
from acp_agent.base.excerpt import excerpt
from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.ports import ProcessResult
from acp_agent.rpc.errors import RpcError, invalid_request, method_not_found
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Call, Handler, Peer, object_params
from acp_agent.surface.errors import to_rpc
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.client_workspace import ClientWorkspace
from acp_agent.testing.wire_schema import WireSchema
from acp_agent.workspaces.local import LocalWorkspace
from tests.patience import PATIENCE

SCHEMA = WireSchema()
ALL = ClientOffer(read_text_file=True, write_text_file=True, terminal=True)
FINISHED: JsonObject = {"output": "hi\n", "truncated": False, "exitStatus": {"exitCode": 3, "signal": None}}

Answer: TypeAlias = "JsonValue | RpcError | Callable[[JsonObject], JsonValue | RpcError]"


class Editor:
    """A client that answers from a table; `asked` has every request, each checked against the schema."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, JsonObject]] = []
        self.answers: dict[str, Answer] = {
            "terminal/create": {"terminalId": "t1"},
            "terminal/wait_for_exit": {"exitCode": 3},
            "terminal/output": FINISHED,
            "terminal/kill": {},
            "terminal/release": {},
        }
        self.hangs_at = ""

    def admit(self, method: str, params: JsonValue) -> Handler:
        row = SCHEMA.find("request", "client", method)
        assert row is not None, method
        assert SCHEMA.violations(row.params, params) == []
        assert SCHEMA.surplus(row.params, params, nulls=True) == []
        return self.answer

    async def answer(self, call: Call) -> JsonValue:
        params = object_params(call.params)
        assert params.pop("sessionId") == "s"
        self.asked.append((call.method, params))
        if call.method == self.hangs_at:
            await anyio.sleep_forever()
        if call.method not in self.answers:
            raise method_not_found(call.method)
        answer = self.answers[call.method]
        if callable(answer):
            answer = answer(params)
        if isinstance(answer, RpcError):
            raise answer
        return answer

    @property
    def methods(self) -> list[str]:
        return [method.partition("/")[2] for method, _ in self.asked]


class Sink:
    def __init__(self) -> None:
        self.terminals: list[str] = []

    def output(self, text: str) -> None:
        raise AssertionError("the client shows the output itself")

    def terminal(self, terminal_id: str) -> None:
        self.terminals.append(terminal_id)


@asynccontextmanager
async def workspace(
    root: Path, editor: Editor, offer: ClientOffer = ALL, base: LocalWorkspace | None = None
) -> AsyncGenerator[ClientWorkspace, None]:
    ours, theirs = memory_transport_pair()
    refuse = Editor().admit
    agent = Peer(ours, admission=refuse, error_from=to_rpc)
    client = Peer(theirs, admission=editor.admit, error_from=to_rpc)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(agent.serve)
        tasks.start_soon(client.serve)
        with anyio.fail_after(PATIENCE):
            yield ClientWorkspace(agent, SessionId("s"), offer, base or LocalWorkspace((root,)))
            await anyio.wait_all_tasks_blocked()  # what was posted arrives
        tasks.cancel_scope.cancel()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


async def run(files: ClientWorkspace, sink: Sink | None = None, timeout: float = 5) -> ProcessResult:
    return await files.run(
        "make test", cwd=files.roots[0], timeout=timeout, output_limit=1000, sink=sink or Sink()
    )


async def test_the_editors_buffer_is_read_before_the_disk(root: Path) -> None:
    editor = Editor()
    editor.answers["fs/read_text_file"] = {"content": "unsaved"}
    (root / "a").write_text("saved", encoding="utf-8")
    async with workspace(root, editor) as files:
        assert await files.read_text(files.resolve("a")) == "unsaved"
    assert editor.asked == [("fs/read_text_file", {"path": str(root / "a")})]


@pytest.mark.parametrize("error", [invalid_request("no"), RpcError(-32603, "broken"), None])
async def test_what_the_editor_cannot_read_is_read_from_the_disk(root: Path, error: RpcError | None) -> None:
    editor = Editor()
    if error is not None:
        editor.answers["fs/read_text_file"] = error
    (root / "a").write_text("saved", encoding="utf-8")
    async with workspace(root, editor) as files:
        assert await files.read_text(root / "a") == "saved"


@pytest.mark.parametrize("answer", [None, {}, {"content": 5}, [], "text"])
async def test_an_answer_without_text_is_an_error(root: Path, answer: JsonValue) -> None:
    editor = Editor()
    editor.answers["fs/read_text_file"] = answer
    async with workspace(root, editor) as files:
        with pytest.raises(WorkspaceError, match="holds no text"):
            await files.read_text(root / "a")


async def test_an_empty_answer_for_a_file_that_is_not_there_means_it_is_missing(root: Path) -> None:
    editor = Editor()
    editor.answers["fs/read_text_file"] = {"content": ""}
    (root / "empty").touch()
    async with workspace(root, editor) as files:
        assert await files.read_text(root / "empty") == ""
        with pytest.raises(FileMissing):
            await files.read_text(root / "missing")


LINES = "".join(f"line {number}\n" for number in range(1, 11))


def _number(params: JsonObject, name: str) -> int | None:
    value = params.get(name)
    assert value is None or isinstance(value, int)
    return value


def faithful(params: JsonObject) -> JsonValue:
    """What an editor answers that sends the part it is asked for."""
    return {"content": excerpt(LINES, _number(params, "line"), _number(params, "limit"))}


def deaf_to_line(params: JsonObject) -> JsonValue:
    return {"content": excerpt(LINES, None, _number(params, "limit"))}


def strict(params: JsonObject) -> JsonValue | RpcError:
    """What an editor answers that refuses to read past the end."""
    return RpcError(-32602, "past the end") if (_number(params, "line") or 1) > 10 else faithful(params)


WHOLE: JsonValue = {"content": LINES}


@pytest.mark.parametrize(
    "answer", [WHOLE, faithful, deaf_to_line, strict], ids=["whole", "part", "top", "strict"]
)
@pytest.mark.parametrize("limit", [None, 1, 3, 20])
@pytest.mark.parametrize("line", [None, 1, 2, 10, 11, 99])
async def test_a_part_of_a_file_is_that_part_whatever_the_editor_makes_of_it(
    root: Path, answer: Answer, line: int | None, limit: int | None
) -> None:
    editor = Editor()
    editor.answers["fs/read_text_file"] = answer
    (root / "a").write_text("on disk", encoding="utf-8")
    async with workspace(root, editor) as files:
        for _ in range(3):
            assert await files.read_text(root / "a", line=line, limit=limit) == excerpt(LINES, line, limit)


async def test_an_editor_that_sends_parts_is_asked_for_the_whole_only_once(root: Path) -> None:
    editor = Editor()
    editor.answers["fs/read_text_file"] = faithful
    (root / "a").touch()
    async with workspace(root, editor) as files:
        await files.read_text(root / "a", line=1, limit=2)
        await files.read_text(root / "a", line=3, limit=2)
        await files.read_text(root / "a", line=5, limit=2)
    path: JsonObject = {"path": str(root / "a")}
    assert [params for _, params in editor.asked] == [
        {**path, "line": 1, "limit": 2},
        {**path, "line": 3, "limit": 2},
        path,
        {**path, "line": 5, "limit": 2},
    ]


@pytest.mark.parametrize("answer", [WHOLE, deaf_to_line], ids=["whole", "top"])
async def test_an_editor_that_sends_other_parts_is_not_asked_for_any_again(
    root: Path, answer: Answer
) -> None:
    editor = Editor()
    editor.answers["fs/read_text_file"] = answer
    (root / "a").touch()
    async with workspace(root, editor) as files:
        await files.read_text(root / "a", line=3, limit=2)
        editor.asked.clear()
        await files.read_text(root / "a", line=3, limit=2)
    assert [params for _, params in editor.asked] == [{"path": str(root / "a")}]


async def test_a_part_of_a_file_the_editor_does_not_have_is_read_from_the_disk(root: Path) -> None:
    (root / "a").write_text(LINES, encoding="utf-8")
    for offer in (ALL, ClientOffer()):
        async with workspace(root, Editor(), offer) as files:
            assert await files.read_text(root / "a", line=2, limit=1) == "line 2\n"


async def test_writing_goes_through_the_editor_and_not_to_the_disk(root: Path) -> None:
    editor = Editor()
    editor.answers["fs/write_text_file"] = {}
    async with workspace(root, editor) as files:
        await files.write_text(root / "a", "new")
    assert editor.asked == [("fs/write_text_file", {"path": str(root / "a"), "content": "new"})]
    assert not (root / "a").exists()


@pytest.mark.parametrize("error", [RpcError(-32002, "none of mine"), None])
async def test_a_file_that_is_none_of_the_editors_is_written_to_disk(
    root: Path, error: RpcError | None
) -> None:
    editor = Editor()
    if error is not None:
        editor.answers["fs/write_text_file"] = error
    async with workspace(root, editor) as files:
        await files.write_text(root / "a", "new")
    assert (root / "a").read_text(encoding="utf-8") == "new"


async def test_a_write_the_editor_refuses_is_not_done_behind_its_back(root: Path) -> None:
    editor = Editor()
    editor.answers["fs/write_text_file"] = RpcError(-32603, "the user said no")
    async with workspace(root, editor) as files:
        with pytest.raises(WorkspaceError, match="the user said no"):
            await files.write_text(root / "a", "new")
    assert not (root / "a").exists()


async def test_a_client_that_offered_nothing_is_asked_nothing(root: Path) -> None:
    editor = Editor()
    async with workspace(root, editor, ClientOffer()) as files:
        await files.write_text(root / "a", "x")
        assert await files.read_text(root / "a") == "x"
        assert [entry.name for entry in await files.list_dir(root)] == ["a"]
    assert editor.asked == []


async def test_paths_stay_confined_whoever_holds_the_files(root: Path) -> None:
    async with workspace(root, Editor()) as files:
        assert files.roots == (root,)
        with pytest.raises(WorkspaceError):
            files.resolve("/etc/passwd")


async def test_a_command_runs_in_a_terminal_that_is_released(root: Path) -> None:
    editor, sink = Editor(), Sink()
    async with workspace(root, editor) as files:
        assert await run(files, sink) == ProcessResult("hi\n", 3)
    assert sink.terminals == ["t1"]
    assert editor.methods == ["create", "wait_for_exit", "output", "release"]
    _, created = editor.asked[0]
    assert (created["cwd"], created["outputByteLimit"]) == (str(root), 1000)
    assert "make test" in str(created["args"])


async def test_a_command_that_must_stay_confined_is_not_given_to_the_editor(root: Path) -> None:
    class Confined(LocalWorkspace):
        @property
        def runs_itself(self) -> bool:
            return True

    class Shown(Sink):
        def output(self, text: str) -> None:
            pass

    editor = Editor()
    async with workspace(root, editor, base=Confined((root,))) as files:
        assert files.runs_itself
        result = await files.run("echo here", cwd=root, timeout=5, output_limit=1000, sink=Shown())
    assert result.output.strip() == "here"
    assert editor.asked == []


async def test_a_command_that_takes_too_long_is_killed_and_its_output_kept(root: Path) -> None:
    editor = Editor()
    editor.hangs_at = "terminal/wait_for_exit"
    editor.answers["terminal/output"] = {
        "output": "half",
        "truncated": True,
        "exitStatus": {"exitCode": None, "signal": "SIGKILL"},
    }
    async with workspace(root, editor) as files:
        result = await run(files, timeout=0.01)
    assert result == ProcessResult("half", None, "SIGKILL", timed_out=True, truncated=True)
    assert editor.methods == ["create", "wait_for_exit", "kill", "output", "release"]


async def test_a_command_that_the_client_cannot_kill_still_ends_with_its_output(root: Path) -> None:
    editor = Editor()
    editor.hangs_at = "terminal/wait_for_exit"
    editor.answers["terminal/kill"] = RpcError(-32603, "no such process")
    editor.answers["terminal/output"] = {"output": "half", "truncated": False}
    async with workspace(root, editor) as files:
        assert await run(files, timeout=0.01) == ProcessResult("half", None, timed_out=True)
    assert editor.methods == ["create", "wait_for_exit", "kill", "output", "release"]


async def test_a_terminal_that_comes_after_its_command_was_cancelled_is_released(root: Path) -> None:
    editor, asked, answer = Editor(), anyio.Event(), anyio.Event()
    answer_at_once = editor.admit

    def slow(method: str, params: JsonValue) -> Handler:
        handler = answer_at_once(method, params)
        if method != "terminal/create":
            return handler

        async def create(call: Call) -> JsonValue:
            asked.set()
            with anyio.move_on_after(5, shield=True):  # the client answers, whether we want it or not
                await answer.wait()
            return await editor.answer(call)

        return create

    editor.admit = slow
    async with workspace(root, editor) as files:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, files)
            await asked.wait()
            tasks.cancel_scope.cancel()
        answer.set()
        await anyio.wait_all_tasks_blocked()
    assert editor.methods == ["create", "release"]


async def test_a_cancelled_command_is_released_without_waiting_for_the_client(root: Path) -> None:
    editor = Editor()
    editor.hangs_at = "terminal/wait_for_exit"
    async with workspace(root, editor) as files:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, files)
            await anyio.wait_all_tasks_blocked()
            assert editor.methods == ["create", "wait_for_exit"]
            tasks.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
    assert editor.methods == ["create", "wait_for_exit", "release"]


@pytest.mark.parametrize("failing", ["create", "wait_for_exit", "output"])
async def test_a_terminal_that_fails_is_told_and_released(root: Path, failing: str) -> None:
    editor = Editor()
    editor.answers[f"terminal/{failing}"] = RpcError(-32603, "no pty")
    async with workspace(root, editor) as files:
        with pytest.raises(WorkspaceError, match="no pty"):
            await run(files)
    assert editor.methods[-1] == ("create" if failing == "create" else "release")


@pytest.mark.parametrize("created", [None, {}, {"terminalId": 5}])
async def test_a_terminal_without_an_id_cannot_be_used(root: Path, created: JsonValue) -> None:
    editor = Editor()
    editor.answers["terminal/create"] = created
    async with workspace(root, editor) as files:
        with pytest.raises(WorkspaceError, match="did not say which"):
            await run(files)


@pytest.mark.parametrize(
    "output", [None, {}, {"output": 5, "exitStatus": 5}, {"exitStatus": {"exitCode": "x"}}]
)
async def test_an_odd_result_is_read_as_far_as_it_makes_sense(root: Path, output: JsonValue) -> None:
    editor = Editor()
    editor.answers["terminal/output"] = output
    async with workspace(root, editor) as files:
        assert await run(files) == ProcessResult("", None)


async def test_a_client_that_is_gone_is_an_error_of_the_workspace(root: Path) -> None:
    ours, theirs = memory_transport_pair()
    agent = Peer(ours, admission=Editor().admit, error_from=to_rpc)
    files = ClientWorkspace(agent, SessionId("s"), ALL, LocalWorkspace((root,)))
    await theirs.aclose()
    with anyio.fail_after(PATIENCE):
        await agent.serve()
    with pytest.raises(WorkspaceError, match="the editor is gone"):
        await files.read_text(root / "a")
