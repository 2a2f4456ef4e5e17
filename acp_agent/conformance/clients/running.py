"""Runs a client once for each part, and judges what it did."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import anyio
import msgspec
from anyio.abc import ByteReceiveStream

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import Line, kill_group, read_line
from acp_agent.conformance.clients.play import Part, Play
from acp_agent.conformance.clients.requirements import CLIENT_REQUIREMENTS, ClientRequirement
from acp_agent.conformance.environment import bare_environment
from acp_agent.conformance.reach import object_at, text_at
from acp_agent.conformance.report import Outcome, Report, Run, outcome_of
from acp_agent.conformance.verdicts import NotPassed, Verdict

AGENT = "{agent}"
"""In a client's command: the command of the agent it is to start, as a shell would read it."""

CLIENT_TIME = 30.0
"""Seconds a client has for one part."""

_PLAYER = Path(__file__).with_name("played_agent.py")
_LAST_WORDS_TIME = 2.0  # seconds that what it left behind has to say the rest, the agent above all
_INPUT = b"hello\n"
_N_LINES = 200
_LINE_CHARS = 1000


async def run_client_requirements(
    command: Sequence[str],
    requirements: Sequence[ClientRequirement] = CLIENT_REQUIREMENTS,
    *,
    patience: float = CLIENT_TIME,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> Report:
    """Try all requirements on a client, which gets `hello` and the end of its input on stdin.

    `{agent}` in the command becomes the command of the agent to start; without it that is put behind it.
    `patience` is how many seconds the client has for each part.
    """
    run = Run(command, "client")
    plays: dict[Part, Play] = {}
    outcomes: list[Outcome] = []
    for item in requirements:
        if item.part not in plays:
            plays[item.part] = await _play(command, item.part, patience)
        outcome = _judged(item, plays[item.part])
        outcomes.append(outcome)
        on_outcome(outcome)
    info = _info(plays.values())
    return run.report(text_at(info, "name"), text_at(info, "version"), outcomes)


def agent_command(command: Sequence[str], log: Path, part: Part) -> list[str]:
    """The client's command, with the agent that plays this part in it."""
    words = [sys.executable, "-S", "-E", str(_PLAYER), str(log), part]
    if any(AGENT in word for word in command):
        return [word.replace(AGENT, shlex.join(words)) for word in command]
    return [*command, *words]


def _judged(item: ClientRequirement, play: Play) -> Outcome:
    verdict: Verdict = "pass"
    reason = ""
    try:
        if not item.judge(play):
            verdict, reason = "inconclusive", f"saw nothing of what it judges{play.ending}"
    except NotPassed as exc:
        verdict, reason = exc.verdict, str(exc)
    outcome = outcome_of(item, verdict, reason, play.seconds)
    if verdict in ("fail", "inconclusive"):
        return msgspec.structs.replace(outcome, transcript=_transcript(play), stderr=play.stderr)
    return outcome


async def _play(command: Sequence[str], part: Part, patience: float) -> Play:
    with tempfile.TemporaryDirectory(prefix="acp-conformance-", ignore_cleanup_errors=True) as name:
        folder = Path(await anyio.Path(name).resolve())
        workspace, home, log = folder / "workspace", folder / "home", folder / "log"
        for made in (workspace, home / "tmp"):
            made.mkdir(parents=True)
        began = time.monotonic()
        process = await anyio.open_process(
            agent_command(command, log, part),
            cwd=workspace,
            env=bare_environment(home),
            start_new_session=os.name == "posix",
        )
        stdout: list[bytes] = []
        stderr: list[bytes] = []
        exit_code: int | None = None
        try:
            async with anyio.create_task_group() as tasks:
                assert process.stdin is not None  # opened with pipes
                assert process.stdout is not None
                assert process.stderr is not None
                tasks.start_soon(_drain, process.stdout, stdout)
                tasks.start_soon(_drain, process.stderr, stderr)
                try:
                    await process.stdin.send(_INPUT)
                    await process.stdin.aclose()
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    pass  # it reads nothing
                with anyio.move_on_after(patience):
                    await process.wait()
                exit_code = process.returncode
                if exit_code is None:
                    kill_group(process)
                # Its end may be seen before its last words are.
                tasks.cancel_scope.deadline = anyio.current_time() + _LAST_WORDS_TIME
            await _settled(log)  # before its group is killed, in which the agent may be
        finally:
            with anyio.CancelScope(shield=True):
                kill_group(process)
                await process.aclose()
        lines, notes = _read(log)
        told = b"".join(stderr).decode(errors="replace")
        return Play(lines, notes, exit_code, time.monotonic() - began, told)


async def _drain(stream: ByteReceiveStream, into: list[bytes]) -> None:
    try:
        async for data in stream:
            into.append(data)  # noqa: PERF401 - what came before it is ended is wanted
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return  # it was ended by us


async def _settled(log: Path) -> None:
    """Give the agent, which the client leaves behind for a moment, the time to note its end."""
    with anyio.move_on_after(_LAST_WORDS_TIME if log.exists() else 0):  # noqa: ASYNC240 - one look at a scratch folder
        while not _is_settled(log):  # noqa: ASYNC110 - it is another process that writes
            await anyio.sleep(0.02)


def _is_settled(log: Path) -> bool:
    return log.exists() and b'# {"end"' in log.read_bytes()


def _read(log: Path) -> tuple[tuple[Line, ...], tuple[JsonObject, ...]]:
    lines: list[Line] = []
    notes: list[JsonObject] = []
    for raw in log.read_bytes().split(b"\n") if log.exists() else ():
        mark, content = raw[:2], raw[2:]
        if mark == b"# ":
            notes.append(object_at(jsontext.load(content)))
        elif mark in (b"> ", b"< "):
            lines.append(read_line("client" if mark == b"> " else "agent", content))
    return tuple(lines), tuple(notes)


def _transcript(play: Play) -> tuple[str, ...]:
    """The beginning of what was said, from the agent's side as in all reports: `<` is the side under test."""
    return tuple(
        f"{'<' if line.sender == 'client' else '>'} {line.raw[:_LINE_CHARS].decode(errors='replace')}"
        for line in play.log[:_N_LINES]
    )


def _info(plays: Iterable[Play]) -> JsonObject:
    """What the client calls itself."""
    for play in plays:
        for frame in play.frames("initialize"):
            if told := object_at(frame, "params", "clientInfo"):
                return told
    return {}
