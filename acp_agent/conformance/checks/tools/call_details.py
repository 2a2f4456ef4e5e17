"""Tool calls in detail: what is shown while they run, and what they show afterwards."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.conformance.checks.tools.commands_run import long_command
from acp_agent.conformance.reach import objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_STATUS = "Tool calls > Status"
_CONTENT = "Tool calls > Content"


@requirement("tool-call.in-progress", "SHOULD", section=_STATUS)
async def in_progress(stage: Stage) -> int:
    """A command that runs is shown as in progress."""
    session = await stage.session()
    command = long_command(stage.workspace)
    prompt = await session.begin(Step("run", command.line))
    await command.wait_running(session, prompt)
    statuses = [text_at(call, "status") for call in session.some_calls().values()]
    await session.cancel()
    await session.agent.answer(prompt)
    expect("in_progress" in statuses, f"while it runs the command is shown as {statuses}")
    return 1


@requirement("tool-call.command-kind", "quality", section="Tool calls > Kinds")
async def command_kind(stage: Stage) -> int:
    """A command is shown as `execute`."""
    session = await stage.session()
    await session.turn(Step("run", "echo conformance"), say("that is all"))
    kinds = [text_at(call, "kind") for call in session.some_calls().values()]
    session.need_tools("run")
    expect("execute" in kinds, f"a command is shown as {kinds}")
    return len(kinds)


@requirement("tool-call.output-shown", "quality", section=_CONTENT)
async def output_shown(stage: Stage) -> int:
    """What a command prints is shown."""
    session = await stage.session()
    await session.turn(Step("run", "echo conform''ance-output"), say("that is all"))
    calls = session.some_calls()
    session.need_tools("run")
    shown = jsontext.dump_text([*calls.values()])
    expect("conformance-output" in shown, f"what was printed is not in {shown[:300]}")
    return len(calls)


@requirement("tool-call.exit-code-failed", "quality", section=_STATUS)
async def exit_code(stage: Stage) -> int:
    """A command that fails says so: by its status, or by its exit code in what is shown."""
    session = await stage.session()
    await session.turn(Step("run", "exit 77"), say("that is all"))
    calls = session.some_calls()
    session.need_tools("run")
    shown = jsontext.dump_text([*calls.values()])
    statuses = [text_at(call, "status") for call in calls.values()]
    told = "failed" in statuses or "77" in shown.replace("exit 77", "")
    expect(told, f"a command that exits with 77 is shown as {statuses}, without its exit code")
    return len(calls)


@requirement("tool-call.diff-line-endings", "quality", section="Tool calls > Diffs")
async def diff_line_endings(stage: Stage) -> int:
    """A diff is of the file that is there afterwards: the new text is what was written."""
    session = await stage.session()
    file = session.file("changed.txt", "one\ntwo\n")
    await session.turn(
        Step("read", path=str(file)), Step("write", "one\r\nzwei\r\n", str(file)), say("that is all")
    )
    diffs = [
        item
        for call in session.some_calls().values()
        if text_at(call, "status") == "completed"
        for item in objects_at(call, "content")
        if text_at(item, "type") == "diff"
    ]
    if not diffs:
        raise Inconclusive("saw no diff")
    there = file.read_bytes().decode("utf-8")
    new = text_at(diffs[-1], "newText")
    expect(new.splitlines() == there.splitlines(), f"`newText` is {new!r}, the file has {there!r}")
    return len(diffs)


@requirement("tool-call.no-call-without-turn", "MUST", section="Tool calls")
async def no_call_without_turn(stage: Stage) -> int:
    """Each update of a call belongs to a turn: none comes when the turn has been answered."""
    session = await stage.session()
    session.file("in.txt", "some text\n")
    prompt = await session.begin(Step("read", path=str(session.file("in.txt"))), say("that is all"))
    await session.finish(prompt)
    after = session.agent.position_of(await session.agent.answer(prompt))
    await session.turn(say("next"))
    late = session.updates("tool_call", "tool_call_update", since=after)
    expect(not late, f"{len(late)} updates of calls came behind the answer")
    return len(session.some_calls())


REQUIREMENTS = (in_progress, command_kind, output_shown, exit_code, diff_line_endings, no_call_without_turn)
