"""Cancelling, in every state a turn can be in."""

from __future__ import annotations

from acp_agent.conformance.agent_process import RequestId
from acp_agent.conformance.checks.tools.commands_run import long_command
from acp_agent.conformance.reach import text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import FINAL, Session
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import expect

_SECTION = "Prompt turn > Cancellation"


async def _streaming(stage: Stage) -> tuple[Session, RequestId]:
    """A session whose model has begun to answer and says no more."""
    session = await stage.session()
    prompt = await session.begin(Step("wait", "working on it"))
    await session.running(prompt)
    return session, prompt


async def ends_cancelled(session: Session, prompt: RequestId) -> None:
    """Wait for the end of a turn that has to be `cancelled`.

    Raises:
        Broken: it ended otherwise, though the agent played the script.
    """
    reason = await session.finish(prompt)
    if reason != "cancelled":
        session.need_script(f"the stop reason is `{reason}`")
    expect(reason == "cancelled", f"the stop reason is `{reason}`")


@requirement(
    "cancel.streaming",
    "MUST",
    section=_SECTION,
    aliases=("ACP-CANCEL-001",),
)
async def streaming(stage: Stage) -> int:
    """A turn cancelled while the model answers ends with the stop reason `cancelled`, not with an error."""
    session, prompt = await _streaming(stage)
    await session.cancel()
    await ends_cancelled(session, prompt)
    return 1


@requirement(
    "cancel.at-once",
    "MUST",
    section=_SECTION,
)
async def at_once(stage: Stage) -> int:
    """A cancel right behind its prompt ends it."""
    session = await stage.session()
    await session.turn(say("hello"))
    prompt = await session.begin(Step("wait", "working on it"))
    await session.cancel()
    await ends_cancelled(session, prompt)
    return 1


@requirement(
    "cancel.open-permission",
    "SHOULD",
    section=_SECTION,
)
async def open_permission(stage: Stage) -> int:
    """A cancel does not wait for the answer to a permission request, which many clients never give."""
    # SHOULD: clients have to answer it, with `cancelled`.
    session = await stage.session(permission="never")
    prompt = await session.begin(Step("write", "x\n", str(session.file("out.txt"))))
    await session.asked(prompt)
    await session.cancel()
    await ends_cancelled(session, prompt)
    return 1


@requirement(
    "cancel.permission-then-cancelled",
    "MUST",
    section=_SECTION,
)
async def permission_cancelled(stage: Stage) -> int:
    """A turn whose permission request the client answers `cancelled` behind the cancel ends `cancelled`."""
    session = await stage.session(permission="never")
    prompt = await session.begin(Step("write", "x\n", str(session.file("out.txt"))))
    question = await session.asked(prompt)
    await session.cancel()
    await session.agent.send(
        {"jsonrpc": "2.0", "id": question["id"], "result": {"outcome": {"outcome": "cancelled"}}}
    )
    await ends_cancelled(session, prompt)
    expect(not session.file("out.txt").exists(), "the file was written all the same")
    return 1


@requirement(
    "cancel.running-command",
    "MUST",
    section=_SECTION,
)
async def running_command(stage: Stage) -> int:
    """A turn cancelled while a command runs ends `cancelled`, without waiting for the command."""
    session = await stage.session()
    command = long_command(stage.workspace)
    prompt = await session.begin(Step("run", command.line))
    await command.wait_running(session, prompt)
    await session.cancel()
    await ends_cancelled(session, prompt)
    return 1


@requirement(
    "cancel.command-ended",
    "quality",
    section=_SECTION,
)
async def command_ended(stage: Stage) -> int:
    """A cancelled command does not run on."""
    session = await stage.session()
    command = long_command(stage.workspace)
    prompt = await session.begin(Step("run", command.line))
    await command.wait_running(session, prompt)
    await session.cancel()
    await session.finish(prompt)
    await command.expect_gone(stage.exit_time)
    return 1


@requirement(
    "cancel.nothing-after",
    "MUST",
    section=_SECTION,
    aliases=("ACP-CANCEL-002",),
)
async def nothing_after(stage: Stage) -> int:
    """Behind the answer to a cancelled prompt no update of the turn follows."""
    session, prompt = await _streaming(stage)
    await session.cancel()
    await ends_cancelled(session, prompt)
    after = session.agent.position_of(await session.agent.answer(prompt))
    await session.agent.wait_exit(QUIET)
    late = session.updates(
        "agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", since=after
    )
    expect(not late, f"{len(late)} updates came behind the answer")
    return 1


@requirement(
    "cancel.idle",
    "MUST",
    section=_SECTION,
)
async def idle(stage: Stage) -> int:
    """A cancel without a turn changes nothing: the next prompt is not cancelled by it."""
    session = await stage.session()
    await session.cancel()
    await session.ends_well(say("hello"), which="the prompt behind it")
    await session.cancel()
    await session.ends_well(say("hello"), which="the prompt behind it")
    return 2


@requirement(
    "cancel.twice",
    "MUST",
    section=_SECTION,
)
async def twice(stage: Stage) -> int:
    """Cancelling twice is cancelling once."""
    session, prompt = await _streaming(stage)
    await session.cancel()
    await session.cancel()
    await ends_cancelled(session, prompt)
    await session.ends_well(say("hello"), which="the next prompt")
    return 1


@requirement(
    "cancel.next-turn",
    "MUST",
    section=_SECTION,
)
async def next_turn(stage: Stage) -> int:
    """After a cancelled turn the session goes on."""
    session, prompt = await _streaming(stage)
    await session.cancel()
    await ends_cancelled(session, prompt)
    await session.ends_well(say("hello"), which="the next prompt")
    return 1


@requirement(
    "cancel.other-session",
    "MUST",
    section=_SECTION,
)
async def other_session(stage: Stage) -> int:
    """Cancelling one session leaves the turn of another alone."""
    session, prompt = await _streaming(stage)
    other = await stage.open(session.agent)
    await other.cancel()
    await other.turn(say("hello"))
    await session.agent.wait_exit(QUIET)
    ended = [frame for frame in session.agent.frames() if "method" not in frame and frame["id"] == prompt]
    session.need_script()
    expect(not ended, "the turn ended when another session was cancelled")
    await session.cancel()
    await ends_cancelled(session, prompt)
    return 1


@requirement(
    "cancel.calls-ended",
    "quality",
    section=_SECTION,
)
async def calls_ended(stage: Stage) -> int:
    """At the end of a cancelled turn none of its tool calls is shown as still running."""
    session = await stage.session(permission="never")
    prompt = await session.begin(Step("write", "x\n", str(session.file("out.txt"))))
    await session.asked(prompt)
    await session.cancel()
    await session.finish(prompt)
    calls = session.some_calls()
    for id, call in calls.items():
        status = text_at(call, "status")
        expect(status in FINAL, f"the call `{id}` is left `{status}`")
    return len(calls)


REQUIREMENTS = (
    streaming,
    at_once,
    open_permission,
    permission_cancelled,
    running_command,
    command_ended,
    nothing_after,
    idle,
    twice,
    next_turn,
    other_session,
    calls_ended,
)
