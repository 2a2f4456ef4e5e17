"""Permission in detail: nothing before the answer, nothing after a late one, and what is remembered."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.conformance.client_side import chosen_option
from acp_agent.conformance.reach import object_at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, NotAdvertised, expect

_SECTION = "Tool calls > Requesting permission"
_ASK = "session/request_permission"


def _write(session: Session, name: str = "out.txt") -> Step:
    return Step("write", "x\n", str(session.file(name)))


@requirement("permission.before-the-deed", "MUST", section=_SECTION)
async def before_the_deed(stage: Stage) -> int:
    """What is asked about is not done before the answer."""
    session = await stage.session(permission="never")
    prompt = await session.begin(_write(session))
    question = await session.asked(prompt)
    await session.agent.wait_exit(QUIET)
    expect(not session.file("out.txt").exists(), "the file was written before the answer")
    choice = chosen_option(question.get("params"), "reject")
    await session.agent.send(
        {
            "jsonrpc": "2.0",
            "id": question["id"],
            "result": {"outcome": {"outcome": "selected", "optionId": choice}},
        }
    )
    await session.agent.answer(prompt)
    return 1


@requirement("permission.late-answer", "SHOULD", section="Prompt turn > Cancellation")
async def late_answer(stage: Stage) -> int:
    """A yes that comes after the turn was cancelled is too late."""
    # SHOULD: a client that says so breaks the rules itself, and agents end calls only as soon as they can.
    session = await stage.session(permission="never")
    prompt = await session.begin(_write(session))
    question = await session.asked(prompt)
    await session.cancel()
    choice = chosen_option(question.get("params"), "allow")
    await session.agent.send(
        {
            "jsonrpc": "2.0",
            "id": question["id"],
            "result": {"outcome": {"outcome": "selected", "optionId": choice}},
        }
    )
    await session.agent.answer(prompt)
    await session.agent.wait_exit(QUIET)
    expect(not session.file("out.txt").exists(), "the file was written after the cancel")
    return 1


@requirement("permission.names-its-session", "MUST", section=_SECTION)
async def names_its_session(stage: Stage) -> int:
    """A permission request names the session it is of, also where there are two."""
    first = await stage.session()
    second = await stage.open(first.agent)
    for session, name in ((first, "first.txt"), (second, "second.txt")):
        await session.asked(await session.begin(_write(session, name)))
    named = [text_at(question, "params", "sessionId") for question in first.agent.calls(_ASK)]
    expect(sorted(named) == sorted([first.id, second.id]), f"the requests name {named}")
    return len(named)


async def _wanted_twice(stage: Stage, choice: str) -> tuple[Session, int]:
    """A session that wanted the same twice, and how often its user was asked, who chose this."""
    session = await stage.session(permission=choice)
    prompt = await session.begin(_write(session), say("that is all"))
    question = await session.asked(prompt)
    if choice not in [text_at(option, "kind") for option in objects_at(question, "params", "options")]:
        raise NotAdvertised(f"there is no option `{choice}`")
    await session.answered(prompt)
    await session.answered(await session.begin(_write(session), say("that is all")))
    return session, len(session.agent.calls(_ASK))


@requirement("permission.always-is-remembered", "SHOULD", section="Tool calls > Permission options")
async def remembered(stage: Stage) -> int:
    """After `allow_always` the same is not asked about again in the session."""
    session, n_asked = await _wanted_twice(stage, "allow_always")
    if not session.file("out.txt").exists():
        raise Inconclusive("the file was not written")
    expect(n_asked == 1, f"the user was asked {n_asked} times")
    return 1


@requirement("permission.never-is-remembered", "SHOULD", section="Tool calls > Permission options")
async def refusal_remembered(stage: Stage) -> int:
    """After `reject_always` the same is not asked about again in the session, and not done."""
    session, n_asked = await _wanted_twice(stage, "reject_always")
    expect(n_asked == 1, f"the user was asked {n_asked} times")
    expect(not session.file("out.txt").exists(), "the file was written")
    return 1


@requirement("permission.once-is-once", "MUST", section="Tool calls > Permission options")
async def once(stage: Stage) -> int:
    """After `allow_once` the next call is asked about again."""
    session = await stage.session()
    prompt = await session.begin(_write(session, "one.txt"), say("that is all"))
    question = await session.asked(prompt)
    kinds = [text_at(option, "kind") for option in objects_at(question, "params", "options")]
    if "allow_once" not in kinds:
        raise NotAdvertised("there is no option to allow something once")
    await session.finish(prompt)
    before = len(session.agent.calls(_ASK))
    await session.turn(_write(session, "two.txt"), say("that is all"))
    if not session.file("two.txt").exists():
        raise Inconclusive("the second file was not written")
    expect(len(session.agent.calls(_ASK)) > before, "the second call was not asked about")
    return 1


@requirement("permission.of-commands", "quality", section=_SECTION)
async def of_commands(stage: Stage) -> int:
    """A command that changes files is asked about before it runs."""
    session = await stage.session(permission="reject")
    await session.turn(Step("run", "echo x > made.txt"), say("that is all"))
    session.some_calls()
    session.need_tools("run")
    expect(not session.file("made.txt").exists(), "the command ran, though the user said no to all")
    return 1


@requirement("permission.shows-the-change", "quality", section=_SECTION)
async def shows_the_change(stage: Stage) -> int:
    """When the user is asked about a change, the change is shown: in the request, or in its call."""
    session = await stage.session(permission="reject")
    words = "conformance change"
    prompt = await session.begin(Step("write", f"{words}\n", str(session.file("out.txt"))))
    question = await session.asked(prompt)
    updates = session.updates("tool_call", "tool_call_update")
    shown = jsontext.dump_text([object_at(question, "params"), *updates])
    await session.agent.answer(prompt)
    expect(words in shown, "the change is not shown")
    return 1


REQUIREMENTS = (
    before_the_deed,
    late_answer,
    names_its_session,
    remembered,
    refusal_remembered,
    once,
    of_commands,
    shows_the_change,
)
