"""What is left behind: by a signal, by many sessions, by many turns."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from acp_agent.conformance.agent_process import AgentProcess
from acp_agent.conformance.checks.tools.commands_run import long_command
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, Skipped, expect

_SECTION = "Transports > stdio"
_CLOSE = ("agentCapabilities.sessionCapabilities.close",)
_N_SESSIONS = 12
_N_TURNS = 12
_SPARE = 5
"""What may be open more afterwards: a log, a connection that is kept, a file of a package loaded late."""


@requirement("process.ends-on-sigterm", "quality", section=_SECTION)
async def ends_on_sigterm(stage: Stage) -> int:
    """The agent ends when it is told to by SIGTERM, and the command it runs with it."""
    if os.name != "posix":
        raise Skipped("there is no SIGTERM on this system")
    session = await stage.session()
    command = long_command(stage.workspace)
    prompt = await session.begin(Step("run", command.line))
    await command.wait_running(session, prompt)
    session.agent.process.send_signal(signal.SIGTERM)
    code = await session.agent.wait_exit(stage.exit_time)
    expect(code is not None, f"it still runs {stage.exit_time:g} s later")
    await command.expect_gone(stage.exit_time)
    return 1


@requirement("process.sessions-leak-nothing", "quality", section="Session close", needs=_CLOSE)
async def sessions_leak_nothing(stage: Stage) -> int:
    """Sessions that are closed leave no open files, connections or processes behind."""
    session = await stage.session()
    await session.turn(say("hello"))
    await session.agent.result("session/close", {"sessionId": session.id})
    before = _held(session.agent)
    for _ in range(_N_SESSIONS):
        other = await stage.open(session.agent)
        await other.turn(say("hello"))
        await session.agent.result("session/close", {"sessionId": other.id})
    return await _judged(session.agent, before, f"{_N_SESSIONS} sessions")


@requirement("process.turns-leak-nothing", "quality", section=_SECTION)
async def turns_leak_nothing(stage: Stage) -> int:
    """Cancelled turns leave no open files, connections or processes behind."""
    session = await stage.session()

    async def cancelled() -> None:
        prompt = await session.begin(Step("wait", "working"))
        await session.running(prompt)
        await session.cancel()
        await session.agent.answer(prompt)

    await cancelled()
    before = _held(session.agent)
    for _ in range(_N_TURNS):
        await cancelled()
    return await _judged(session.agent, before, f"{_N_TURNS} cancelled turns")


async def _judged(agent: AgentProcess, before: int, what: str) -> int:
    await agent.wait_exit(QUIET)
    now = _held(agent)
    expect(now <= before + _SPARE, f"{what} took the number of open files from {before} to {now}")
    return 1


def _held(agent: AgentProcess) -> int:
    """Open files, connections and children of the process; where a wrapper started it, of all below."""
    if not Path("/proc/self/fd").is_dir():
        raise Skipped("open files are only counted on Linux")
    pids = [agent.process.pid]
    n_held = 0
    for pid in pids:
        pids += _children(pid)
        try:
            n_held += len(os.listdir(f"/proc/{pid}/fd"))
        except OSError as exc:
            raise Inconclusive(f"the open files of process {pid} cannot be counted") from exc
    return n_held + len(pids) - 1


def _children(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [int(word) for word in words]


REQUIREMENTS = (ends_on_sigterm, sessions_leak_nothing, turns_leak_nothing)
