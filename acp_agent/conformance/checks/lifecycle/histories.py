"""Lists of sessions in detail, and what closing, deleting and forking leave behind."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import has, object_at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import expect_refused
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import say
from acp_agent.conformance.verdicts import Broken, NotAdvertised, expect

_CAN = "agentCapabilities.sessionCapabilities."
_LIST = (f"{_CAN}list",)
_FORK = (f"{_CAN}fork",)
_LOAD = "agentCapabilities.loadSession"
_N_PAGES = 50


async def _spoken(stage: Stage, words: str) -> Session:
    session = await stage.session()
    await session.turn(say(words))
    return session


async def _fork(stage: Stage, session: Session) -> Session:
    result = await session.agent.result("session/fork", stage.again(session))
    return stage.session_called(session.agent, text_at(result, "sessionId"), object_at(result))


@requirement("list.well-formed", "MUST", section="Session list", needs=_LIST)
async def well_formed(stage: Stage) -> int:
    """Each session listed has an id and an absolute folder, and a date in ISO 8601 if any."""
    session = await _spoken(stage, "hello")
    found = objects_at(await session.agent.result("session/list", {}), "sessions")
    for item in found:
        id, cwd, date = (text_at(item, name) for name in ("sessionId", "cwd", "updatedAt"))
        expect(bool(id), f"a session without an id: {item}")
        expect(Path(cwd).is_absolute(), f"the folder of `{id}` is `{cwd}`")
        expect(not date or _is_date(date), f"the date of `{id}` is `{date}`")
    return len(found)


@requirement("list.pages", "MUST", section="Session list > Pagination", needs=_LIST)
async def pages(stage: Stage) -> int:
    """The pages of a list come to an end, and no session is on two of them."""
    session = await _spoken(stage, "hello")
    for _ in range(2):
        await (await stage.open(session.agent)).turn(say("hello"))
    ids: list[str] = []
    params: JsonObject = {}
    for _ in range(_N_PAGES):
        result = await session.agent.result("session/list", params)
        ids += [text_at(item, "sessionId") for item in objects_at(result, "sessions")]
        if not has(result, "nextCursor"):
            expect(len(set(ids)) == len(ids), f"some sessions are listed twice: {ids}")
            return len(ids)
        params = {"cursor": text_at(result, "nextCursor")}
    raise Broken(f"the list goes on after {_N_PAGES} pages")


@requirement("list.bad-cursor", "SHOULD", section="Session list > Pagination", needs=_LIST)
async def bad_cursor(stage: Stage) -> int:
    """A cursor the agent did not give is an error."""
    session = await stage.session()
    response = await session.agent.ask("session/list", {"cursor": "conformance-nowhere"})
    expect_refused("session/list", response, "a cursor that was never given was taken")
    return 1


@requirement("close.keeps-the-past", "SHOULD", section="Session close", needs=(f"{_CAN}close", _LOAD))
async def close_keeps(stage: Stage) -> int:
    """A closed session can be loaded again, with its past."""
    session = await _spoken(stage, "hello")
    session.need_script()
    await session.agent.result("session/close", {"sessionId": session.id})
    since = len(session.agent.log)
    await session.agent.result("session/load", stage.again(session))
    shown = session.text(since=since)
    expect("hello" in shown, f"the agent's words are shown as {shown!r}")
    return 1


@requirement("delete.not-loaded", "SHOULD", section="Session delete", needs=(f"{_CAN}delete", _LOAD))
async def delete_not_loaded(stage: Stage) -> int:
    """A deleted session cannot be loaded."""
    session = await _spoken(stage, "hello")
    session.need_script()
    await session.agent.result("session/delete", {"sessionId": session.id})
    response = await session.agent.ask("session/load", stage.again(session))
    expect("error" in response, "a deleted session was loaded")
    return 1


@requirement("fork.own-id", "MUST", section="Session fork", version="v1 draft", needs=_FORK)
async def own_id(stage: Stage) -> int:
    """A fork is a session with an id of its own."""
    session = await _spoken(stage, "hello")
    fork = await _fork(stage, session)
    expect(fork.id not in ("", session.id), f"the fork of `{session.id}` is `{fork.id}`")
    return 1


@requirement("fork.goes-on", "MUST", section="Session fork", version="v1 draft", needs=_FORK)
async def fork_goes_on(stage: Stage) -> int:
    """The fork and the session it is of both take prompts, each told of under its own id."""
    session = await _spoken(stage, "hello")
    fork = await _fork(stage, session)
    since = len(session.agent.log)
    await fork.ends_well(say("forked words"), which="the turn of the fork")
    await session.ends_well(say("own words"), which="the turn of the session")
    said = (fork.text(since=since), session.text(since=since))
    expect("own" not in said[0] and "forked" not in said[1], f"they said {said}")
    return bool(said[0]) + bool(said[1])


@requirement("fork.has-the-past", "SHOULD", section="Session fork", version="v1 draft", needs=(*_FORK, _LOAD))
async def fork_has_the_past(stage: Stage) -> int:
    """A fork has the past of its session, and what is said in it later stays out of the session."""
    session = await _spoken(stage, "common words")
    session.need_script()
    fork = await _fork(stage, session)
    await fork.turn(say("later words"))
    await session.agent.end()
    past, own = (await stage.load(fork)).text(), (await stage.load(session)).text()
    expect("common words" in past, f"the fork's past is {past!r}")
    expect("later" not in own, f"the session's past is {own!r}")
    return 2


@requirement("title.told", "quality", section="Session information")
async def title_told(stage: Stage) -> int:
    """A title that is told is the title the session is listed with."""
    session = await _spoken(stage, "hello")
    titles = [text_at(item, "title") for item in session.updates("session_info_update") if has(item, "title")]
    answer = await session.agent.ask("session/list", {})
    listed = [
        item for item in objects_at(answer, "result", "sessions") if text_at(item, "sessionId") == session.id
    ]
    if not titles or not listed:
        raise NotAdvertised("the agent tells no titles, or does not list sessions")
    expect(text_at(listed[0], "title") == titles[-1], f"told was `{titles[-1]}`, listed `{listed[0]}`")
    return 1


def _is_date(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


REQUIREMENTS = (
    well_formed,
    pages,
    bad_cursor,
    close_keeps,
    delete_not_loaded,
    own_id,
    fork_goes_on,
    fork_has_the_past,
    title_told,
)
