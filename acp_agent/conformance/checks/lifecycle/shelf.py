"""Drafts about stored sessions, where advertised: the archive, titles of the user's, what is open."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.checks.turns.cancellation import ends_cancelled
from acp_agent.conformance.reach import at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, prompt_params, say, text_block
from acp_agent.conformance.verdicts import Inconclusive, expect

_CAN = "agentCapabilities.sessionCapabilities."
_LIST = f"{_CAN}list"
_ARCHIVE = (f"{_CAN}archive", _LIST)
_TITLE = (f"{_CAN}title", _LIST)
_STATUS = (f"{_CAN}status",)
_ARCHIVING = "Session archive"
_TITLING = "Session title"
_ASKING = "Session status"
_INVALID_PARAMS = -32602
_NOT_FOUND = -32002
_NOBODY: JsonObject = {"sessionId": "conformance-nobody"}


async def _spoken(stage: Stage) -> Session:
    session = await stage.session()
    await session.turn(say("hello"))
    session.need_script()
    return session


async def _listed(session: Session, params: JsonObject | None = None) -> dict[str, JsonObject]:
    result = await session.agent.result("session/list", params or {})
    return {text_at(item, "sessionId"): item for item in objects_at(result, "sessions")}


async def _archived(stage: Stage) -> Session:
    """A session that was listed and is archived now."""
    session = await _spoken(stage)
    if session.id not in await _listed(session):
        raise Inconclusive("the session was not listed in the first place")
    await session.agent.result("session/archive", {"sessionId": session.id})
    return session


async def _refused(stage: Stage, method: str, params: JsonObject, code: int) -> int:
    """An agent that has to answer this with an error of this code."""
    agent = await stage.ready()
    answer = await agent.ask(method, params)
    expect(at(answer, "error", "code") == code, f"answered {str(answer)[:300]}")
    return 1


@requirement("archive.hidden", "MUST", section=_ARCHIVING, version="v1 draft", needs=_ARCHIVE)
async def hidden(stage: Stage) -> int:
    """An archived session is listed only where archived ones are asked for."""
    session = await _archived(stage)
    found = {how: session.id in await _listed(session, {"archived": how}) for how in ("include", "only")}
    expect(session.id not in await _listed(session), "an archived session is listed unasked")
    expect(session.id not in await _listed(session, {"archived": "exclude"}), "`exclude` lists it")
    expect(all(found.values()), f"whether it is listed: {found}")
    return 4


@requirement("archive.marked", "MUST", section=_ARCHIVING, version="v1 draft", needs=_ARCHIVE)
async def marked(stage: Stage) -> int:
    """Every session in a list says whether it is archived."""
    session = await _archived(stage)
    await (await stage.open(session.agent)).turn(say("hello"))
    listed = await _listed(session, {"archived": "include"})
    for id, item in listed.items():
        expect(item.get("archived") is (id == session.id), f"`{id}` says {item.get('archived')!r}")
    return len(listed)


@requirement("archive.back", "MUST", section=_ARCHIVING, version="v1 draft", needs=_ARCHIVE)
async def back(stage: Stage) -> int:
    """A session taken out of the archive is listed as before."""
    session = await _archived(stage)
    await session.agent.result("session/unarchive", {"sessionId": session.id})
    expect(session.id in await _listed(session), "it is still missing")
    return 1


@requirement("archive.again", "MUST", section=_ARCHIVING, version="v1 draft", needs=_ARCHIVE)
async def again(stage: Stage) -> int:
    """Archiving an archived session succeeds."""
    session = await _archived(stage)
    await session.agent.result("session/archive", {"sessionId": session.id})
    return 1


@requirement("archive.ends", "MUST", section=_ARCHIVING, version="v1 draft", needs=_ARCHIVE)
async def ends(stage: Stage) -> int:
    """Archiving cancels the session's turn and closes it."""
    session = await stage.session()
    prompt = await session.begin(Step("wait", "working"))
    await session.running(prompt)
    await session.agent.result("session/archive", {"sessionId": session.id})
    await ends_cancelled(session, prompt)
    answer = await session.agent.ask("session/prompt", prompt_params(session.id, text_block("hello")))
    expect("error" in answer, "an archived session took a prompt")
    return 2


@requirement("archive.unknown-filter", "MUST", section=_ARCHIVING, version="v1 draft", needs=_ARCHIVE)
async def unknown_filter(stage: Stage) -> int:
    """A filter of a list that is not known is refused with -32602."""
    return await _refused(stage, "session/list", {"archived": "_conformance"}, _INVALID_PARAMS)


@requirement("archive.unknown", "MUST", section=_ARCHIVING, version="v1 draft", needs=_ARCHIVE)
async def unknown_to_archive(stage: Stage) -> int:
    """Archiving a session that does not exist is answered with -32002."""
    return await _refused(stage, "session/archive", _NOBODY, _NOT_FOUND)


@requirement("title.set", "MUST", section=_TITLING, version="v1 draft", needs=_TITLE)
async def title_set(stage: Stage) -> int:
    """A title that was set is the one the session is listed with, as the answer tells it."""
    session = await _spoken(stage)
    params: JsonObject = {"sessionId": session.id, "title": "A title by conformance"}
    stored = text_at(await session.agent.result("session/set_title", params), "title")
    await session.turn(say("once more"))
    listed = text_at((await _listed(session)).get(session.id), "title")
    expect(bool(stored) and listed == stored, f"stored was {stored!r}, listed {listed!r}")
    return 1


@requirement("title.empty", "MUST", section=_TITLING, version="v1 draft", needs=_TITLE)
async def title_empty(stage: Stage) -> int:
    """A title of nothing is refused with -32602."""
    session = await _spoken(stage)
    answer = await session.agent.ask("session/set_title", {"sessionId": session.id, "title": ""})
    expect(at(answer, "error", "code") == _INVALID_PARAMS, f"answered {str(answer)[:300]}")
    return 1


@requirement("title.unknown", "MUST", section=_TITLING, version="v1 draft", needs=_TITLE)
async def title_unknown(stage: Stage) -> int:
    """Setting the title of a session that does not exist is answered with -32002."""
    return await _refused(stage, "session/set_title", {**_NOBODY, "title": "A title"}, _NOT_FOUND)


@requirement("status.open", "MUST", section=_ASKING, version="v1 draft", needs=_STATUS)
async def status_open(stage: Stage) -> int:
    """An open session is told to be open."""
    session = await _spoken(stage)
    status = text_at(await session.agent.result("session/status", {"sessionId": session.id}), "status")
    expect(status == "open", f"it is `{status}`")
    return 1


@requirement("status.saved", "MUST", section=_ASKING, version="v1 draft", needs=(*_STATUS, f"{_CAN}close"))
async def status_saved(stage: Stage) -> int:
    """A closed session is told to be saved, and asking does not open it."""
    session = await _spoken(stage)
    await session.agent.result("session/close", {"sessionId": session.id})
    for _ in range(2):
        status = text_at(await session.agent.result("session/status", {"sessionId": session.id}), "status")
        expect(status == "saved", f"it is `{status}`")
    return 2


@requirement("status.unknown", "MUST", section=_ASKING, version="v1 draft", needs=_STATUS)
async def status_unknown(stage: Stage) -> int:
    """Asking for a session that does not exist is answered with -32002."""
    return await _refused(stage, "session/status", _NOBODY, _NOT_FOUND)


REQUIREMENTS = (
    hidden,
    marked,
    back,
    again,
    ends,
    unknown_filter,
    unknown_to_archive,
    title_set,
    title_empty,
    title_unknown,
    status_open,
    status_saved,
    status_unknown,
)
