"""What the agent asks of the client: files, terminals; only what was offered."""

from __future__ import annotations

from pathlib import Path

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.checks.tools.commands_run import long_command
from acp_agent.conformance.reach import at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_FILES: JsonObject = {"fs": {"readTextFile": True, "writeTextFile": True}}
_TERMINAL: JsonObject = {"terminal": True}


async def worked(stage: Stage, offer: JsonObject | None = None) -> Session:
    """A session that wrote a file, read another and ran a command."""
    session = await stage.session(offer=offer)
    session.file("in.txt", "some text\n")
    await session.turn(
        Step("write", "x\n", str(session.file("out.txt"))),
        Step("read", path=str(session.file("in.txt"))),
        Step("run", "echo conformance"),
        say("that is all"),
    )
    return session


async def _not_called(stage: Stage, prefix: str, *kinds: str) -> int:
    session = await worked(stage)
    session.need_tools(*kinds)
    calls = [text_at(frame, "method") for frame in session.agent.calls(prefix)]
    expect(not calls, f"the client did not offer it, and was asked for {sorted(set(calls))}")
    return len(session.some_calls())


@requirement(
    "fs.only-if-offered",
    "MUST",
    section="File system > Checking support",
    aliases=("ACP-CLIENTCAP-001",),
)
async def fs_only_if_offered(stage: Stage) -> int:
    """The client's files are only asked for if it offered them."""
    return await _not_called(stage, "fs/", "read", "write")


@requirement(
    "terminal.only-if-offered",
    "MUST",
    section="Terminals > Checking support",
    aliases=("ACP-CLIENTCAP-002",),
)
async def terminal_only_if_offered(stage: Stage) -> int:
    """The client's terminals are only asked for if it offered them."""
    return await _not_called(stage, "terminal/", "run")


@requirement(
    "fs.read-only-offer",
    "MUST",
    section="File system > Checking support",
)
async def fs_read_only(stage: Stage) -> int:
    """A client that offers only reading is not asked to write."""
    session = await worked(stage, {"fs": {"readTextFile": True, "writeTextFile": False}})
    expect(not session.agent.calls("fs/write_text_file"), "the client was asked to write")
    return len(session.some_calls())


@requirement(
    "fs.absolute-paths",
    "MUST",
    section="File system",
)
async def fs_absolute(stage: Stage) -> int:
    """The paths of files asked for are absolute, and lines count from 1."""
    session = await worked(stage, _FILES)
    session.some_calls()
    calls = session.agent.calls("fs/")
    for call in calls:
        path, line = text_at(call, "params", "path"), at(call, "params", "line")
        expect(Path(path).is_absolute(), f"the path `{path}` is not absolute")
        expect(
            line is None or (isinstance(line, int) and line >= 1), f"the line {line} does not count from 1"
        )
        id = text_at(call, "params", "sessionId")
        expect(id == session.id, f"the request names the session `{id}`, not `{session.id}`")
    return len(calls)


@requirement(
    "fs.unsaved-changes",
    "quality",
    section="File system > Reading files",
)
async def fs_unsaved(stage: Stage) -> int:
    """Where the client offers its files the agent sees changes that are not saved yet."""
    session = await stage.session(offer=_FILES)
    file = session.file("in.txt", "saved\n")
    stage.client.buffers[str(file)] = "not saved yet\n"
    await session.turn(Step("read", path=str(file)), say("that is all"))
    session.some_calls()
    expect(bool(session.agent.calls("fs/read_text_file")), "the file was read past the client")
    return 1


@requirement(
    "fs.one-write",
    "quality",
    section="File system > Writing files",
)
async def fs_one_write(stage: Stage) -> int:
    """Where the client offers its files an edit is one write through it."""
    session = await stage.session(offer=_FILES)
    file = session.file("out.txt")
    await session.turn(Step("write", "x\n", str(file)), say("that is all"))
    session.some_calls()
    writes = stage.client.writes
    expect(bool(writes), "the file was written past the client")
    expect(writes == [(str(file), "x\n")], f"the client saw the writes {writes}")
    return 1


@requirement(
    "terminal.released",
    "MUST",
    section="Terminals > Releasing",
)
async def terminal_released(stage: Stage) -> int:
    """Every terminal is released."""
    session = await worked(stage, _TERMINAL)
    session.some_calls()
    left = sorted(stage.client.terminals)
    expect(not left, f"not released at the end of the turn: {left}")
    return stage.client.n_terminals


@requirement(
    "terminal.released-on-cancel",
    "MUST",
    section="Terminals > Releasing",
)
async def terminal_released_on_cancel(stage: Stage) -> int:
    """The terminal of a cancelled command is released, too."""
    session = await stage.session(offer=_TERMINAL)
    command = long_command(stage.workspace)
    prompt = await session.begin(Step("run", command.line))
    await command.wait_running(session, prompt)
    if not stage.client.n_terminals:
        raise Inconclusive("the agent runs commands itself")
    await session.cancel()
    await session.finish(prompt)
    await command.expect_gone(stage.exit_time)
    left = sorted(stage.client.terminals)
    expect(not left, f"not released at the end of the turn: {left}")
    return 1


REQUIREMENTS = (
    fs_only_if_offered,
    terminal_only_if_offered,
    fs_read_only,
    fs_absolute,
    fs_unsaved,
    fs_one_write,
    terminal_released,
    terminal_released_on_cancel,
)
