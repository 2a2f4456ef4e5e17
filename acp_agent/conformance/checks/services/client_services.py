"""The client's files and terminals in detail: what goes wrong in them, and what is asked for."""

from __future__ import annotations

from pathlib import Path

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.checks.services.client_methods import worked
from acp_agent.conformance.reach import objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import FINAL, Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_READ, _WRITE = "fs/read_text_file", "fs/write_text_file"
_FILES: JsonObject = {"fs": {"readTextFile": True, "writeTextFile": True}}
_TERMINAL: JsonObject = {"terminal": True}


async def _refusing(stage: Stage, method: str, offer: JsonObject, step: Step) -> Session:
    """A session whose client refused this method in a turn that ended well."""
    agent = await stage.ready(offer=offer)
    stage.client.refused.add(method)
    session = await stage.open(agent)
    session.file("in.txt", "some text\n")
    prompt = await session.begin(step, say("that is all"))
    await session.asked(prompt, method)
    reason = await session.finish(prompt)
    expect(reason == "end_turn", f"the stop reason is `{reason}`")
    return session


def _expect_ended(session: Session) -> int:
    calls = session.some_calls()
    for id, call in calls.items():
        expect(text_at(call, "status") in FINAL, f"the call `{id}` is left `{text_at(call, 'status')}`")
    return len(calls)


@requirement("fs.read-refused", "SHOULD", section="File system > Reading files")
async def read_refused(stage: Stage) -> int:
    """A file the client does not give does not cost the turn, and leaves no call open."""
    step = Step("read", path=str(stage.workspace / "in.txt"))
    return _expect_ended(await _refusing(stage, _READ, _FILES, step))


@requirement("fs.write-refused", "SHOULD", section="File system > Writing files")
async def write_refused(stage: Stage) -> int:
    """A file the client does not write makes the call fail, and is not written past the client."""
    step = Step("write", "x\n", str(stage.workspace / "out.txt"))
    session = await _refusing(stage, _WRITE, _FILES, step)
    expect(not session.file("out.txt").exists(), "the file was written past the client")
    statuses = [text_at(call, "status") for call in session.some_calls().values()]
    expect("failed" in statuses, f"what the client refused is shown as {statuses}")
    return _expect_ended(session)


@requirement("fs.diff-of-unsaved", "quality", section="Tool calls > Diffs")
async def diff_of_unsaved(stage: Stage) -> int:
    """Where the client offers its files, diffs begin with what is in its editor, not with what is saved."""
    session = await stage.session(offer=_FILES)
    file = session.file("in.txt", "saved\n")
    stage.client.buffers[str(file)] = "not saved yet\n"
    await session.turn(Step("read", path=str(file)), Step("write", "new\n", str(file)), say("that is all"))
    diffs = [
        text_at(item, "oldText")
        for call in session.some_calls().values()
        for item in objects_at(call, "content")
        if text_at(item, "type") == "diff"
    ]
    for old in diffs:
        expect(old.strip() == "not saved yet", f"`oldText` is {old!r}, the editor had 'not saved yet\\n'")
    return len(diffs)


@requirement("terminal.well-formed", "MUST", section="Terminals > Executing commands")
async def well_formed(stage: Stage) -> int:
    """A terminal is asked for with its session, a command and, if any, an absolute folder."""
    session = await worked(stage, _TERMINAL)
    session.some_calls()
    found = session.agent.calls("terminal/create")
    for frame in found:
        id, command, cwd = (text_at(frame, "params", name) for name in ("sessionId", "command", "cwd"))
        expect(id == session.id, f"the terminal is asked for by the session `{id}`")
        expect(bool(command), "a terminal without a command")
        expect(not cwd or Path(cwd).is_absolute(), f"the folder is `{cwd}`")
    return len(found)


@requirement("terminal.balanced", "MUST", section="Terminals > Releasing")
async def balanced(stage: Stage) -> int:
    """Only terminals that were created are spoken of, and none that was released."""
    session = await worked(stage, _TERMINAL)
    session.some_calls()
    created = {
        text_at(frame, "result", "terminalId")
        for frame in session.agent.frames("client")
        if text_at(frame, "result", "terminalId")
    }
    released: set[str] = set()
    frames = [
        frame for frame in session.agent.calls("terminal/") if text_at(frame, "method") != "terminal/create"
    ]
    for frame in frames:
        id, method = text_at(frame, "params", "terminalId"), text_at(frame, "method")
        expect(id in created, f"`{method}` for the terminal `{id}`, which was never created")
        expect(id not in released, f"`{method}` for the terminal `{id}`, which was released")
        if method == "terminal/release":
            released.add(id)
    return len(frames)


@requirement("terminal.refused", "SHOULD", section="Terminals > Executing commands")
async def refused(stage: Stage) -> int:
    """A terminal the client does not give does not cost the turn, and leaves no call open."""
    session = await _refusing(stage, "terminal/create", _TERMINAL, Step("run", "echo conformance"))
    return _expect_ended(session)


@requirement("terminal.shown", "quality", section="Terminals > Embedding in tool calls")
async def shown(stage: Stage) -> int:
    """A command that runs in a terminal of the client is shown with it, before it is released."""
    session = await worked(stage, _TERMINAL)
    session.some_calls()
    if not session.agent.calls("terminal/create"):
        raise Inconclusive("the agent runs commands itself")
    embedded = [
        item
        for update in session.updates("tool_call", "tool_call_update")
        for item in objects_at(update, "content")
        if text_at(item, "type") == "terminal"
    ]
    expect(bool(embedded), "no call shows the terminal")
    return len(embedded)


REQUIREMENTS = (read_refused, write_refused, diff_of_unsaved, well_formed, balanced, refused, shown)
