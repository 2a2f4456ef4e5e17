"""Sessions: new, list, resume, close, delete."""

from __future__ import annotations

import anyio

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.checks.turns.cancellation import ends_cancelled
from acp_agent.conformance.reach import objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import expect_refused
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, prompt_params, say, text_block
from acp_agent.conformance.verdicts import Inconclusive, expect

_LIST_TIME = 3.0
"""Seconds until a session is listed: nothing says that it is at once."""

_SETUP = "Session setup"
_LIST = ("agentCapabilities.sessionCapabilities.list",)
_CLOSE = ("agentCapabilities.sessionCapabilities.close",)
_DELETE = ("agentCapabilities.sessionCapabilities.delete",)
_RESUME = ("agentCapabilities.sessionCapabilities.resume",)


async def _listed(session: Session, params: JsonObject) -> list[str]:
    result = await session.agent.result("session/list", params)
    return [text_at(item, "sessionId") for item in objects_at(result, "sessions")]


async def _listed_in_time(session: Session, params: JsonObject) -> list[str]:
    """The sessions listed once this one is among them, or when its time is up."""
    listed = await _listed(session, params)
    with anyio.move_on_after(_LIST_TIME):
        while session.id not in listed:
            await anyio.sleep(QUIET)
            listed = await _listed(session, params)
    return listed


@requirement(
    "session.new",
    "MUST",
    section=_SETUP,
    aliases=("ACP-SESSION-001",),
)
async def new(stage: Stage) -> int:
    """A session is opened with a working directory and an empty list of servers."""
    session = await stage.session()
    expect(bool(session.id), f"no session id in {jsontext.dump_text(session.opened)[:300]}")
    return 1


@requirement(
    "session.ids-differ",
    "MUST",
    section=_SETUP,
    aliases=("ACP-SESSION-002",),
)
async def ids_differ(stage: Stage) -> int:
    """Each session has an id of its own."""
    first = await stage.session()
    second = await stage.open(first.agent)
    expect(first.id != second.id, f"two sessions are called `{first.id}`")
    return 2


@requirement(
    "session.unknown",
    "SHOULD",
    section=_SETUP,
)
async def unknown(stage: Stage) -> int:
    """A prompt to a session that does not exist is an error."""
    agent = await stage.ready()
    response = await agent.ask("session/prompt", prompt_params("conformance-nobody", text_block("hello")))
    expect("error" in response, f"answered {jsontext.dump_text(response)[:300]}")
    return 1


@requirement(
    "session.absolute-cwd",
    "quality",
    section="Session setup > Working directory",
)
async def absolute_cwd(stage: Stage) -> int:
    """A working directory that is not absolute is refused."""
    agent = await stage.ready()
    response = await agent.ask("session/new", {"cwd": "some/where", "mcpServers": []})
    expect("error" in response, "a relative `cwd` was accepted")
    return 1


@requirement(
    "list.everything",
    "MUST",
    section="Session list",
    needs=_LIST,
    aliases=("ACP-LIST-001",),
)
async def list_everything(stage: Stage) -> int:
    """Without params every session is listed that was spoken in."""
    session = await stage.session()
    await session.turn(say("hello"))
    session.need_script()
    listed = await _listed_in_time(session, {})
    expect(session.id in listed, f"`{session.id}` is not among {listed}")
    return 1


@requirement(
    "list.by-directory",
    "MUST",
    section="Session list > Filtering",
    needs=_LIST,
    aliases=("ACP-LIST-002",),
)
async def list_by_directory(stage: Stage) -> int:
    """With a working directory the sessions of that directory are listed, none for an unknown one."""
    session = await stage.session()
    await session.turn(say("hello"))
    session.need_script()
    here = await _listed_in_time(session, {"cwd": str(stage.workspace)})
    expect(session.id in here, f"`{session.id}` is not among {here}")
    elsewhere = await _listed(session, {"cwd": str(stage.home / "nowhere")})
    expect(elsewhere == [], f"an unknown directory has the sessions {elsewhere}")
    return 2


@requirement(
    "close.ends",
    "MUST",
    section="Session close",
    needs=_CLOSE,
    aliases=("ACP-CLOSE-001",),
)
async def close_ends(stage: Stage) -> int:
    """A closed session takes no prompts until it is opened again."""
    session = await stage.session()
    await session.agent.result("session/close", {"sessionId": session.id})
    response = await session.agent.ask("session/prompt", prompt_params(session.id, text_block("hello")))
    expect("error" in response, "a closed session took a prompt")
    return 1


@requirement(
    "close.running-turn",
    "MUST",
    section="Session close",
    needs=_CLOSE,
    aliases=("ACP-CLOSE-002",),
)
async def close_running_turn(stage: Stage) -> int:
    """Closing a session cancels its turn: the prompt is answered `cancelled`."""
    session = await stage.session()
    prompt = await session.begin(Step("wait", "working"))
    await session.running(prompt)
    await session.agent.result("session/close", {"sessionId": session.id})
    await ends_cancelled(session, prompt)
    return 1


@requirement(
    "delete.gone",
    "MUST",
    section="Session delete",
    needs=(*_DELETE, *_LIST),
    aliases=("ACP-DELETE-001",),
)
async def delete_gone(stage: Stage) -> int:
    """A deleted session is not listed any more."""
    session = await stage.session()
    await session.turn(say("hello"))
    if session.id not in await _listed_in_time(session, {}):
        raise Inconclusive("the session was not listed in the first place")
    await session.agent.result("session/delete", {"sessionId": session.id})
    expect(session.id not in await _listed(session, {}), "a deleted session is listed")
    return 1


@requirement(
    "delete.again",
    "SHOULD",
    section="Session delete",
    needs=_DELETE,
    aliases=("ACP-DELETE-002",),
)
async def delete_again(stage: Stage) -> int:
    """Deleting a session that is gone or never was succeeds."""
    session = await stage.session()
    await session.turn(say("hello"))
    for id in (session.id, session.id, "conformance-nobody"):
        await session.agent.result("session/delete", {"sessionId": id})
    return 3


@requirement(
    "resume.without-servers",
    "MUST",
    section="Session resume",
    needs=_RESUME,
    aliases=("ACP-RESUME-001",),
)
async def resume_without_servers(stage: Stage) -> int:
    """A session is resumed in a new process, without naming servers, and goes on."""
    session = await stage.session()
    await session.turn(say("hello"))
    session.need_script()
    await session.agent.end()
    agent = await stage.ready()
    await agent.result("session/resume", {"sessionId": session.id, "cwd": str(stage.workspace)})
    resumed = stage.session_called(agent, session.id)
    await resumed.ends_well(say("again"), which="the turn after it")
    return 1


@requirement(
    "resume.no-replay",
    "MUST",
    section="Session resume",
    needs=_RESUME,
    aliases=("ACP-RESUME-002",),
)
async def resume_no_replay(stage: Stage) -> int:
    """Resuming shows nothing of the past."""
    session = await stage.session()
    await session.turn(say("hello"))
    session.need_script()
    n_before = len(session.updates("agent_message_chunk"))
    await session.agent.end()
    agent = await stage.ready()
    await agent.result("session/resume", stage.again(session))
    await agent.wait_exit(QUIET)
    resumed = stage.session_called(agent, session.id)
    shown = resumed.updates("user_message_chunk", "agent_message_chunk", "agent_thought_chunk", "tool_call")
    expect(not shown, f"{len(shown)} updates of the past were sent")
    return n_before


@requirement("resume.unknown", "SHOULD", section="Session resume", needs=_RESUME)
async def resume_unknown(stage: Stage) -> int:
    """Resuming a session that does not exist is an error."""
    agent = await stage.ready()
    response = await agent.ask("session/resume", {**stage.new_params(), "sessionId": "conformance-nobody"})
    expect_refused("session/resume", response, "a session that does not exist was resumed")
    return 1


REQUIREMENTS = (
    new,
    ids_differ,
    unknown,
    absolute_cwd,
    list_everything,
    list_by_directory,
    close_ends,
    close_running_turn,
    delete_gone,
    delete_again,
    resume_without_servers,
    resume_no_replay,
    resume_unknown,
)
