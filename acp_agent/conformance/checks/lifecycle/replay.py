"""Loading: the past is shown as it was, before the answer, in a process that never saw it."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.agent_process import kill_group
from acp_agent.conformance.reach import at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import expect_refused, result_of
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_SECTION = "Session setup > Loading sessions"
_NEEDS = ("agentCapabilities.loadSession",)
_CHUNKS = ("user_message_chunk", "agent_message_chunk", "agent_thought_chunk")


async def _spoken(stage: Stage) -> Session:
    """A session with two turns, one of them with tools."""
    session = await stage.session()
    session.file("in.txt", "some text\n")
    await session.turn(say("first answer"))
    await session.turn(
        Step("write", "x\n", str(session.file("out.txt"))),
        Step("read", path=str(session.file("in.txt"))),
        Step("think", "let me see"),
    )
    session.need_script()
    return session


@requirement(
    "load.replays-before-answer",
    "MUST",
    section=_SECTION,
    needs=_NEEDS,
    aliases=("ACP-LOAD-001", "ACP-LOAD-002"),
)
async def replays_before_answer(stage: Stage) -> int:
    """Loading shows the past, all of it before the answer."""
    session = await _spoken(stage)
    await session.agent.end()
    agent = await stage.ready()
    response = await agent.ask("session/load", stage.again(session))
    result_of("session/load", response)
    loaded = stage.session_called(agent, session.id)
    await agent.wait_exit(QUIET)
    late = len(loaded.updates(*_CHUNKS, since=agent.position_of(response)))
    expect(late == 0, f"{late} updates of the past came behind the answer")
    n_shown = len(loaded.updates(*_CHUNKS))
    expect(n_shown > 0, "nothing of the past was shown")
    return n_shown


@requirement(
    "load.object-result",
    "SHOULD",
    section=_SECTION,
    needs=_NEEDS,
    aliases=("ACP-LOAD-003",),
)
async def object_result(stage: Stage) -> int:
    """Loading is answered with an object."""
    session = await _spoken(stage)
    await session.agent.end()
    agent = await stage.ready()
    result = await agent.result("session/load", stage.again(session))
    expect(isinstance(result, dict), f"the result is {jsontext.dump_text(result)}")
    return 1


@requirement(
    "load.same-as-live",
    "SHOULD",
    section=_SECTION,
    needs=_NEEDS,
)
async def same_as_live(stage: Stage) -> int:
    """What a loaded session shows is what was shown live: the same words and the same tool calls."""
    session = await _spoken(stage)
    await session.agent.end()
    loaded = await stage.load(session)
    for kind in ("agent_message_chunk", "agent_thought_chunk"):
        live, again = session.text(kind).strip(), loaded.text(kind).strip()
        expect(live == again, f"`{kind}` was {live!r} and is {again!r}")
    live_calls, calls = _drawn(session), _drawn(loaded)
    expect(list(live_calls) == list(calls), f"the calls were {list(live_calls)} and are {list(calls)}")
    for id, call in live_calls.items():
        changed = [name for name in call if call[name] != calls[id].get(name)]
        expect(not changed, f"{changed} of the call `{id}` are not what they were")
    return len(loaded.updates("agent_message_chunk")) and len(calls)


@requirement(
    "load.user-messages",
    "MUST",
    section=_SECTION,
    needs=_NEEDS,
)
async def user_messages(stage: Stage) -> int:
    """Loading shows what the user said, too."""
    session = await _spoken(stage)
    await session.agent.end()
    loaded = await stage.load(session)
    said = loaded.text("user_message_chunk")
    expect("Please follow the script." in said, f"the user's words are shown as {said[:200]!r}")
    return 1


@requirement(
    "load.after-kill",
    "quality",
    section=_SECTION,
    needs=_NEEDS,
)
async def after_kill(stage: Stage) -> int:
    """A turn that ended is there after the process was killed."""
    session = await _spoken(stage)
    kill_group(session.agent.process)
    await session.agent.end()
    loaded = await stage.load(session)
    said = loaded.text()
    if not session.text():
        raise Inconclusive("the agent said nothing")
    expect(said == session.text(), f"the agent's words were {session.text()!r} and are {said!r}")
    return len(loaded.updates(*_CHUNKS))


@requirement(
    "load.goes-on",
    "MUST",
    section=_SECTION,
    needs=_NEEDS,
)
async def goes_on(stage: Stage) -> int:
    """A loaded session takes prompts."""
    session = await _spoken(stage)
    await session.agent.end()
    loaded = await stage.load(session)
    await loaded.ends_well(say("third answer"), which="the turn")
    return 1


@requirement(
    "load.unknown",
    "SHOULD",
    section=_SECTION,
    needs=_NEEDS,
)
async def unknown(stage: Stage) -> int:
    """Loading a session that does not exist is an error."""
    agent = await stage.ready()
    params: JsonObject = {**stage.new_params(), "sessionId": "conformance-nobody"}
    response = await agent.ask("session/load", params)
    expect_refused("session/load", response, "a session that does not exist was loaded")
    return 1


def _drawn(session: Session) -> dict[str, dict[str, JsonValue]]:
    """The tool calls as drawn, by id: what a person sees of them."""
    names = ("title", "kind", "status", "content", "locations")
    return {
        id: {name: at(call, name) for name in names}
        for id, call in session.calls().items()
        if text_at(call, "title")
    }


REQUIREMENTS = (
    replays_before_answer,
    object_result,
    same_as_live,
    user_messages,
    after_kill,
    goes_on,
    unknown,
)
