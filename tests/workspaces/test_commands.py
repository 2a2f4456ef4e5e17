"""Commands: what they report, how they end, and that nothing of them is left."""

import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from acp_agent.base.errors import PathOutsideWorkspace, WorkspaceError
from acp_agent.ports import ProcessResult
from acp_agent.workspaces.local import LocalWorkspace
from acp_agent.workspaces.process import run_command
from acp_agent.workspaces.sandbox import Limits, Sandbox
from acp_agent.workspaces.starting import Command
from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX shell")


@pytest.fixture(params=["off", "auto"])
def workspace(root, request):
    sandbox = Sandbox(request.param)
    yield LocalWorkspace((root,), None, sandbox)
    sandbox.scratch.remove()


async def _run(workspace, command, sink, *, timeout=30.0, limit=10_000, cwd=None):
    with anyio.fail_after(PATIENCE):
        return await workspace.run(
            command, cwd=cwd or workspace.roots[0], timeout=timeout, output_limit=limit, sink=sink
        )


async def test_output_and_errors_come_together_with_the_exit_code(workspace, sink):
    result = await _run(workspace, "echo one; echo two >&2; exit 3", sink)
    assert result == ProcessResult("one\ntwo\n", 3)
    assert sink.texts[-1] == "one\ntwo\n"


async def test_a_command_runs_in_its_directory(workspace, sink, root):
    (root / "sub").mkdir()
    assert (await _run(workspace, "pwd -P", sink, cwd=root / "sub")).output == f"{root}/sub\n"


async def test_a_command_does_not_start_outside(workspace, sink, tmp_path):
    with pytest.raises(PathOutsideWorkspace):
        await _run(workspace, "true", sink, cwd=tmp_path)


async def test_a_command_that_cannot_start_says_why(workspace, sink, root):
    with pytest.raises(WorkspaceError, match="cannot start the shell"):
        await _run(workspace, "true", sink, cwd=root / "missing")
    with pytest.raises(WorkspaceError, match="cannot start the shell"):
        await _run(workspace, "true\0", sink)


async def test_there_is_no_input_to_wait_for(workspace, sink):
    assert await _run(workspace, "cat; read x; echo end", sink) == ProcessResult("end\n", 0)


async def test_a_signal_is_named(workspace, sink):
    assert await _run(workspace, "kill -KILL $$", sink) == ProcessResult("", None, "SIGKILL")


async def test_bytes_that_are_no_text_are_replaced(workspace, sink):
    result = await _run(workspace, r"printf 'a\377b\303'", sink)
    assert result.output == "a\ufffdb\ufffd"


async def test_secrets_do_not_reach_the_command(root, sink):
    workspace = LocalWorkspace((root,), {"MY_API_KEY": "hunter2", "GREETING": "hello", "PATH": os.defpath})
    result = await _run(workspace, 'echo "$GREETING $MY_API_KEY $PAGER"; env', sink)
    assert result.output.startswith("hello  cat\n")
    assert "hunter2" not in result.output


async def test_of_endless_output_the_end_is_kept_in_bounded_memory(workspace, sink):
    tracemalloc.start()
    try:
        result = await _run(
            workspace, "head -c 100000000 /dev/zero | tr '\\0' x; echo end", sink, limit=1_000
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result == ProcessResult("x" * 996 + "end\n", 0, truncated=True)
    assert peak < 4_000_000
    assert all(len(text) <= 1_000 for text in sink.texts)


async def test_output_is_shown_before_the_command_ends(workspace, root):
    sink = GateOpener(root)
    result = await _run(workspace, GateOpener.COMMAND, sink)
    assert result.output == sink.texts[-1] == "ready\ndone\n"


async def test_a_report_that_is_not_due_yet_comes_at_the_end(root):
    sink = GateOpener(root)
    with anyio.fail_after(20):
        await run_command(
            Command(GateOpener.COMMAND, root, os.environ, Limits(Sandbox("off"), (root,))),
            timeout=30,
            output_limit=1_000,
            sink=sink,
            clock=lambda: 0.0,
        )
    assert sink.texts == ["ready\n", "ready\ndone\n"]


class GateOpener:
    """A sink for a command that goes on only when it has seen its first line shown."""

    # opened for both ways before the line is shown, so that the writer below finds a reader
    COMMAND = "exec 3<>gate; echo ready; read x <&3; echo done"

    def __init__(self, root: Path) -> None:
        self._gate = root / "gate"
        self.texts: list[str] = []
        os.mkfifo(self._gate)

    def output(self, text: str) -> None:
        self.texts.append(text)
        if text == "ready\n":
            writer = os.open(self._gate, os.O_WRONLY | os.O_NONBLOCK)
            os.write(writer, b"\n")
            os.close(writer)

    def terminal(self, terminal_id: str) -> None:
        raise AssertionError("a local command runs in no client terminal")


async def test_a_timeout_ends_the_whole_tree(workspace, sink, root):
    result = await _overrun(workspace, _TREE, sink, root, count=3)
    assert result.timed_out
    assert result.exit_code is None
    await _wait_gone(root)


async def test_cancelling_ends_the_whole_tree(workspace, sink, root):
    with anyio.fail_after(20):
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(_run, workspace, _TREE, sink)
            await _wait_pids(root)
            task_group.cancel_scope.cancel()
    await _wait_gone(root)


async def test_a_command_that_ignores_the_polite_request_is_killed(workspace, sink, root):
    stubborn = "trap '' TERM; echo $$ >pid1; while :; do sleep 1; done"
    result = await _overrun(workspace, stubborn, sink, root, count=1)
    assert result.timed_out
    assert result.signal == "SIGKILL"
    await _wait_gone(root)


async def test_a_child_in_a_session_of_its_own_is_killed_too(workspace, sink, root):
    (root / "escape.py").write_text(_ESCAPE, encoding="utf-8")
    with anyio.fail_after(20):
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(_run, workspace, f"{sys.executable} -I escape.py & wait", sink)
            await _wait_pids(root, count=1)
            task_group.cancel_scope.cancel()
    await _wait_gone(root)


async def test_a_background_process_that_keeps_the_output_open_does_not_hang_us(workspace, sink, root):
    with anyio.fail_after(PATIENCE):
        result = await _run(workspace, "sleep 60 & echo $! >pid1; echo done", sink)
    assert result == ProcessResult("done\n", 0)
    await _wait_gone(root)


async def test_a_silent_background_process_ends_with_the_command(workspace, sink, root):
    result = await _run(workspace, "sleep 60 >/dev/null 2>&1 & echo $! >pid1", sink)
    assert result == ProcessResult("", 0)
    await _wait_gone(root)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
async def test_commands_leave_no_descriptors_open(workspace, sink):
    await _run(workspace, "true", sink)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        await _run(workspace, "sleep 60 & echo hi", sink)
    assert len(os.listdir("/proc/self/fd")) == before


_ESCAPE = """
import os, time
os.setsid()
with open("pid1", "w") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""
_TREE = "(sleep 60 & echo $! >pid1; wait) & echo $! >pid2; echo $$ >pid3; wait"


async def _overrun(workspace, command, sink, root: Path, *, count: int) -> ProcessResult:
    """Let it run into its time limit, once this many of its processes have told their numbers."""
    for timeout in (0.5, 3, 15):  # a busy machine takes longer to come to that moment
        result = await _run(workspace, command, sink, timeout=timeout)
        if len(_pids(root)) == count:
            return result
    raise AssertionError("the command never came so far")


async def _wait_pids(root: Path, count: int = 3) -> None:
    """Return once the processes have told their numbers; only the files tell."""
    await _wait_until(lambda: len(_pids(root)) == count)


async def _wait_gone(root: Path) -> None:
    """Return once none is alive; the death of a grandchild is told to its new parent only."""
    pids = _pids(root)
    assert pids
    await _wait_until(lambda: not any(map(_lives, pids)))


async def _wait_until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await anyio.sleep(0.01)


def _pids(root: Path) -> list[int]:
    texts = [path.read_text(encoding="utf-8") for path in root.glob("pid*")]
    return [int(text) for text in texts if text.endswith("\n")]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        if os.path.isdir("/proc/self"):  # the dead may wait to be collected, as in a container without init
            return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
    return True
