"""Commands that run until they are killed, and tell whether they do."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import msgspec

from acp_agent.conformance.agent_process import RequestId
from acp_agent.conformance.session import Session
from acp_agent.conformance.verdicts import Broken, Inconclusive, Skipped

_PROGRAM = """\
import os, pathlib, time
pathlib.Path("running.part").write_text(str(os.getpid()))
os.replace("running.part", "running")
time.sleep(60)
"""


class LongCommand(msgspec.Struct, frozen=True):
    """A shell line that writes its process id into `started` and then waits a minute."""

    line: str
    started: Path

    async def wait_running(self, session: Session, prompt: RequestId) -> None:
        """Return once it runs.

        Raises:
            Inconclusive: the turn ended, or the time passed, and it never did.
        """
        patience = session.agent.patience
        with anyio.move_on_after(patience):
            while not self.started.exists():
                if session.agent.is_answered(prompt):
                    session.some_calls()
                    raise Inconclusive("the agent did not run the command")
                await anyio.sleep(0.02)
            return
        raise Inconclusive(f"the command did not start within {patience:g} s")

    async def expect_gone(self, patience: float) -> None:
        """Return once it has ended, within `patience` seconds.

        Raises:
            Broken: it runs on.
            Skipped: this system does not tell.
        """
        if os.name != "posix":
            raise Skipped("whether a process runs is only looked up on POSIX systems")
        pid = int(self.started.read_text(encoding="utf-8"))
        with anyio.move_on_after(patience):
            while runs(pid):  # noqa: ASYNC110 - no event tells the end of a process that is not our child
                await anyio.sleep(0.05)
            return
        os.kill(pid, signal.SIGKILL)  # it is ours: it wrote its number into our workspace
        raise Broken(f"the command still runs {patience:g} s later")


def long_command(workspace: Path) -> LongCommand:
    """A long command for this workspace, where its program is put."""
    (workspace / "wait_long.py").write_text(_PROGRAM, encoding="utf-8")
    return LongCommand(f'"{sys.executable}" wait_long.py', workspace / "running")


def runs(pid: int) -> bool:
    """Whether this process has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return state.rpartition(")")[2].split()[0] != "Z"  # a zombie has ended; nobody collected it
