"""Loading in detail: the order of things, what was cut off, and that nothing is done again."""

from __future__ import annotations

from acp_agent.conformance.agent_process import kill_group
from acp_agent.conformance.reach import text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import FINAL, Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Broken, Inconclusive, expect

_SECTION = "Session setup > Loading sessions"
_NEEDS = ("agentCapabilities.loadSession",)
_SPOKEN = ("user_message_chunk", "agent_message_chunk", "agent_thought_chunk", "tool_call")


def _order(session: Session) -> list[str]:
    """The kinds of what was said and done, each once for a stretch of it."""
    kinds = [text_at(update, "sessionUpdate") for update in session.updates(*_SPOKEN)]
    return [kind for number, kind in enumerate(kinds) if kind != (kinds[number - 1] if number else "")]


@requirement("load.order", "SHOULD", section=_SECTION, needs=_NEEDS)
async def order(stage: Stage) -> int:
    """Words, thoughts and calls come in the order in which they came live."""
    session = await stage.session()
    session.file("in.txt", "some text\n")
    await session.turn(Step("read", path=str(session.file("in.txt"))), Step("think", "let me see"))
    session.some_calls()
    live = [kind for kind in _order(session) if kind != "user_message_chunk"]
    await session.agent.end()
    loaded = _order(await stage.load(session))
    expect(loaded[:1] == ["user_message_chunk"], f"the past begins with {loaded[:3]}")
    again = [kind for kind in loaded if kind != "user_message_chunk"]
    expect(live == again, f"the order was {live} and is {again}")
    return len(live)


@requirement("load.names-its-session", "MUST", section=_SECTION, needs=_NEEDS)
async def names_its_session(stage: Stage) -> int:
    """What is shown of the past carries the id of the session that is loaded."""
    session = await stage.session()
    await session.turn(say("hello"))
    session.need_script()
    await session.agent.end()
    loaded = await stage.load(session)
    updates = loaded.agent.calls("session/update")
    for update in updates:
        id = text_at(update, "params", "sessionId")
        expect(id == session.id, f"an update for `{id}` while `{session.id}` was loaded")
    return len(updates)


@requirement("load.after-kill-in-turn", "quality", section=_SECTION, needs=_NEEDS)
async def after_kill_in_turn(stage: Stage) -> int:
    """A session killed in the middle of a turn can be loaded: the turns before are whole, and it goes on."""
    session = await stage.session()
    await session.turn(say("first answer"))
    await session.running(await session.begin(Step("wait", "second answer")))
    session.need_script()
    kill_group(session.agent.process)
    await session.agent.end()
    loaded = await stage.load(session)
    expect("first answer" in loaded.text(), f"the agent's words are {loaded.text()!r}")
    await loaded.ends_well(say("third answer"))
    return 1


@requirement("load.calls-ended", "quality", section=_SECTION, needs=_NEEDS)
async def calls_ended(stage: Stage) -> int:
    """A call that was cut off by a kill is not shown as still running."""
    session = await stage.session(permission="never")
    prompt = await session.begin(Step("write", "x\n", str(session.file("out.txt"))))
    await session.asked(prompt)
    kill_group(session.agent.process)
    await session.agent.end()
    try:
        loaded = await stage.load(session)
    except Broken as exc:
        raise Inconclusive(f"a session killed in its first turn was not kept: {exc}") from exc
    calls = loaded.calls()
    if not calls:
        raise Inconclusive("the call is not shown any more")
    for id, call in calls.items():
        expect(text_at(call, "status") in FINAL, f"the call `{id}` is `{text_at(call, 'status')}`")
    return len(calls)


@requirement("load.does-nothing", "MUST", section=_SECTION, needs=_NEEDS)
async def does_nothing(stage: Stage) -> int:
    """Loading shows what was done and does not do it again."""
    session = await stage.session()
    file = session.file("out.txt")
    await session.turn(Step("write", "x\n", str(file)), say("that is all"))
    session.some_calls()
    if not file.exists():
        raise Inconclusive("the file was not written in the first place")
    await session.agent.end()
    file.unlink()
    n_asked = stage.model.n_requests
    loaded = await stage.load(session)
    expect(not file.exists(), "the file was written again")
    expect(not loaded.agent.calls("session/request_permission"), "the user was asked again")
    expect(stage.model.n_requests == n_asked, "the model was asked again")
    return 1


@requirement("load.again", "SHOULD", section=_SECTION, needs=_NEEDS)
async def again(stage: Stage) -> int:
    """A session can be loaded twice, and is the same the second time."""
    session = await stage.session()
    await session.turn(say("hello"))
    session.need_script()
    await session.agent.end()
    first = await stage.load(session)
    await first.agent.end()
    second = await stage.load(session)
    words = first.text()
    expect(second.text() == words, f"the agent's words were {words!r} and are {second.text()!r}")
    return bool(words)


REQUIREMENTS = (order, names_its_session, after_kill_in_turn, calls_ended, does_nothing, again)
