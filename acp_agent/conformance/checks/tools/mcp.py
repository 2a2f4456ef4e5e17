"""MCP servers a client hands over: really connected, seen by the model, apart by session, ended with it."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractAsyncContextManager

import anyio

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.checks.tools.commands_run import runs
from acp_agent.conformance.checks.turns.cancellation import ends_cancelled
from acp_agent.conformance.reach import text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.servers import (
    SLOW_TOOL,
    TOOL,
    ChildProbe,
    WebProbe,
    child_probe,
    open_event_probe,
    open_http_probe,
)
from acp_agent.conformance.session import FINAL, Session
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Broken, Inconclusive, Skipped, expect

_SECTION = "Session setup > MCP servers"
_STDIO = "Session setup > MCP servers > Stdio transport"
_HTTP = "Session setup > MCP servers > HTTP transport"
_SSE = "Session setup > MCP servers > SSE transport"
_WORDS = "conformance words"
_START_TIME = 5.0
"""Seconds behind a whole turn until a server counts as one that is not started."""


async def _with_probe(stage: Stage, probe: ChildProbe) -> Session:
    return await stage.session(params={"mcpServers": [probe.entry]})


async def _connected(probe: ChildProbe, session: Session) -> None:
    """Return once the server was asked for its tools; agents may connect late, at the latest in a turn."""
    await session.turn(say("hello"))
    began = anyio.current_time()
    while "tools/list" not in probe.methods():
        limit = session.agent.patience if probe.pids() else min(_START_TIME, session.agent.patience)
        if anyio.current_time() > began + limit:
            return
        await anyio.sleep(0.02)


async def _used(stage: Stage, probe: ChildProbe, *, tool: str = TOOL) -> Session:
    """A session whose model called the tool."""
    session = await _with_probe(stage, probe)
    await session.turn(Step("use", _WORDS, tool), say("that is all"))
    session.need_tools()
    return session


def _need_offer(session: Session) -> None:
    """Go on if the model was offered the server's tool.

    Raises:
        Inconclusive: it would have to search for it, which the scripted model does not.
        Broken: it was not.
    """
    session.need_script()
    if session.model.missing and session.model.may_search:
        raise Inconclusive(
            "the agent keeps tools back until its model searches for them; a profile may tell it not to"
        )
    expect(not session.model.missing, "the model was not offered the server's tool")


def _n_calls(probe: ChildProbe) -> int:
    return probe.methods().count("tools/call")


@requirement("mcp.stdio-connected", "MUST", section=_STDIO)
async def stdio_connected(stage: Stage) -> int:
    """A server over standard streams is started, greeted as MCP has it and asked for its tools."""
    probe = child_probe(stage.home)
    session = await _with_probe(stage, probe)
    await _connected(probe, session)
    methods = probe.methods()
    expect(bool(probe.pids()), "the server was not started")
    expect("initialize" in methods, f"the server was told {methods}")
    expect("tools/list" in methods, f"the server was not asked for its tools, but told {methods}")
    if "notifications/initialized" in methods:
        early = methods.index("tools/list") < methods.index("notifications/initialized")
        expect(not early, "the server was asked for its tools before it was greeted")
    return len(methods)


@requirement("mcp.environment", "MUST", section=_STDIO)
async def environment(stage: Stage) -> int:
    """A server is started with the environment the client gave for it."""
    probe = child_probe(stage.home, mark="marked")
    session = await _with_probe(stage, probe)
    await _connected(probe, session)
    if not probe.pids():
        raise Inconclusive("the server was not started")
    marks = [text_at(item, "env") for item in probe.seen() if "pid" in item]
    expect(marks[0] == "marked", f"the variable is {marks[0]!r}")
    return len(marks)


@requirement("mcp.visible-to-model", "MUST", section=_SECTION)
async def visible(stage: Stage) -> int:
    """The model is offered the server's tools, and a call reaches the server with its arguments."""
    probe = child_probe(stage.home)
    session = await _with_probe(stage, probe)
    await session.turn(Step("use", _WORDS, TOOL), say("that is all"))
    _need_offer(session)
    calls = [item for item in probe.seen() if item.get("method") == "tools/call"]
    expect(bool(calls), "the call did not reach the server")
    words = text_at(calls[0], "params", "arguments", "text")
    expect(words == _WORDS, f"the server was called with {words!r}")
    return len(calls)


@requirement("mcp.result-told", "SHOULD", section=_SECTION)
async def result_told(stage: Stage) -> int:
    """What the server answers gets to the model, or is shown with the call."""
    probe = child_probe(stage.home)
    session = await _used(stage, probe)
    if not _n_calls(probe):
        raise Inconclusive("the call did not reach the server")
    told = " ".join(stage.model.results) + str(session.updates("tool_call", "tool_call_update"))
    expect(f"echo: {_WORDS}" in told, "the server's answer got nowhere")
    return 1


@requirement("mcp.call-shown", "SHOULD", section="Tool calls")
async def call_shown(stage: Stage) -> int:
    """The call of a server's tool is shown as a tool call, and ended."""
    probe = child_probe(stage.home)
    session = await _used(stage, probe)
    if not _n_calls(probe):
        raise Inconclusive("the call did not reach the server")
    calls = session.calls()
    expect(bool(calls), "nothing was shown of the call")
    for id, call in calls.items():
        expect(text_at(call, "status") in FINAL, f"the call `{id}` is left `{text_at(call, 'status')}`")
    return len(calls)


@requirement("mcp.apart", "MUST", section=_SECTION)
async def apart(stage: Stage) -> int:
    """The servers of one session are none of another's."""
    probe = child_probe(stage.home)
    session = await _used(stage, probe)
    if not _n_calls(probe):
        raise Inconclusive("the call did not reach the server")
    other = await stage.open(session.agent)
    await other.turn(Step("use", "of another session", TOOL), say("that is all"))
    expect(_n_calls(probe) == 1, "a session without servers could use one of another session")
    return 1


@requirement(
    "mcp.on-load",
    "MUST",
    section="Session setup > Loading sessions",
    needs=("agentCapabilities.loadSession",),
)
async def on_load(stage: Stage) -> int:
    """A loaded session has the servers it was loaded with."""
    session = await stage.session()
    await session.turn(say("hello"))
    session.need_script()
    await session.agent.end()
    probe = child_probe(stage.home)
    try:
        loaded = await stage.load(session, {"mcpServers": [probe.entry]})
    except Broken as exc:
        raise Inconclusive(f"nothing was loaded: {exc}") from exc
    await loaded.turn(Step("use", _WORDS, TOOL), say("that is all"))
    _need_offer(loaded)
    expect(_n_calls(probe) == 1, f"{_n_calls(probe)} calls reached the server")
    return 1


@requirement("mcp.broken-server", "quality", section=_SECTION)
async def broken_server(stage: Stage) -> int:
    """A server that cannot be started does not cost the session."""
    agent = await stage.ready()
    entry: JsonObject = {"name": "missing", "command": str(stage.home / "missing"), "args": [], "env": []}
    probe = child_probe(stage.home)
    session = await stage.open(agent, {"mcpServers": [entry, probe.entry]})
    await session.ends_well(say("hello"))
    await _connected(probe, session)
    if not probe.pids():
        raise Inconclusive("the server beside it was not started either")
    return 1


@requirement("mcp.silent-server", "quality", section=_SECTION)
async def silent_server(stage: Stage) -> int:
    """A server that never says a word does not keep the session from being opened."""
    agent = await stage.ready()
    started = stage.home / "started"
    program = "import sys; open(sys.argv[1], 'w').close(); sys.stdin.read()"
    words: list[JsonValue] = ["-S", "-E", "-c", program, str(started)]
    entry: JsonObject = {"name": "mute", "command": sys.executable, "args": words, "env": []}
    id = await agent.request("session/new", {**stage.new_params(), "mcpServers": [entry]})
    response = await agent.answer(id, patience=2 * agent.patience)
    expect("result" in response, f"answered {str(response)[:300]}")
    with anyio.move_on_after(min(_START_TIME, agent.patience)):
        while not started.exists():  # noqa: ASYNC110 - it is another process that writes
            await anyio.sleep(0.02)
    if not started.exists():
        raise Inconclusive("the server was not started")
    return 1


@requirement("mcp.ends-with-agent", "quality", section=_STDIO)
async def ends_with_agent(stage: Stage) -> int:
    """When the agent ends, so do the servers it started."""
    probe = child_probe(stage.home)
    session = await _with_probe(stage, probe)
    await _connected(probe, session)
    await session.agent.close_input()
    await session.agent.wait_exit(stage.exit_time)
    return await _gone(stage, probe)


@requirement(
    "mcp.ends-with-session",
    "quality",
    section="Session close",
    needs=("agentCapabilities.sessionCapabilities.close",),
)
async def ends_with_session(stage: Stage) -> int:
    """When a session is closed its servers end."""
    probe = child_probe(stage.home)
    session = await _with_probe(stage, probe)
    await _connected(probe, session)
    await session.agent.result("session/close", {"sessionId": session.id})
    return await _gone(stage, probe)


@requirement("mcp.cancelled", "quality", section="Prompt turn > Cancellation")
async def cancelled(stage: Stage) -> int:
    """A turn cancelled while a server does not answer ends `cancelled`."""
    probe = child_probe(stage.home)
    session = await _with_probe(stage, probe)
    prompt = await session.begin(Step("use", _WORDS, SLOW_TOOL))
    with anyio.move_on_after(session.agent.patience):
        while not (  # noqa: ASYNC110 - it is another process that writes
            _n_calls(probe) or session.agent.is_answered(prompt)
        ):
            await anyio.sleep(0.02)
    if not _n_calls(probe):
        session.need_tools()
        raise Inconclusive("the call did not reach the server")
    await session.cancel()
    await ends_cancelled(session, prompt)
    return 1


@requirement("mcp.http", "MUST", section=_HTTP, needs=("agentCapabilities.mcpCapabilities.http",))
async def http(stage: Stage) -> int:
    """A server over HTTP is connected where advertised, and a call of the model reaches it."""
    return await _called(stage, open_http_probe())


@requirement("mcp.http-headers", "MUST", section=_HTTP, needs=("agentCapabilities.mcpCapabilities.http",))
async def http_headers(stage: Stage) -> int:
    """Every request to a server over HTTP carries the headers the client gave for it."""
    return await _marked(stage, open_http_probe())


@requirement("mcp.sse", "MUST", section=_SSE, needs=("agentCapabilities.mcpCapabilities.sse",))
async def sse(stage: Stage) -> int:
    """A server with server-sent events is connected where advertised, and a call of the model reaches it."""
    return await _called(stage, open_event_probe())


@requirement("mcp.sse-headers", "MUST", section=_SSE, needs=("agentCapabilities.mcpCapabilities.sse",))
async def sse_headers(stage: Stage) -> int:
    """Every request to a server with server-sent events carries the headers the client gave for it."""
    return await _marked(stage, open_event_probe())


async def _called(stage: Stage, opening: AbstractAsyncContextManager[WebProbe]) -> int:
    """How many messages reached the server, a call of the model among them."""
    async with opening as probe:
        session = await stage.session(params={"mcpServers": [probe.entry]})
        await session.turn(Step("use", _WORDS, TOOL), say("that is all"))
        _need_offer(session)
    expect("tools/call" in probe.methods(), f"the server was asked {probe.methods()}")
    return len(probe.frames)


async def _marked(stage: Stage, opening: AbstractAsyncContextManager[WebProbe]) -> int:
    """How many requests reached the server, each with the client's header."""
    async with opening as probe:
        session = await stage.session(params={"mcpServers": [probe.entry]})
        await session.turn(say("hello"))
        await session.agent.wait_exit(QUIET)
        found = [headers.get("x-conformance") for headers in probe.headers]
    expect(set(found) <= {"marked"}, f"the header was {found}")
    return len(found)


async def _gone(stage: Stage, probe: ChildProbe) -> int:
    """How many servers were started, once none of them runs."""
    if os.name != "posix":
        raise Skipped("whether a process runs is only looked up on POSIX systems")
    if not probe.pids():
        raise Inconclusive("the server was not started")
    with anyio.move_on_after(stage.exit_time):
        while any(runs(pid) for pid in probe.pids()):  # noqa: ASYNC110 - it is no child of ours
            await anyio.sleep(0.05)
        return len(probe.pids())
    raise Broken(f"the server still runs {stage.exit_time:g} s later")


REQUIREMENTS = (
    stdio_connected,
    environment,
    visible,
    result_told,
    call_shown,
    apart,
    on_load,
    broken_server,
    silent_server,
    ends_with_agent,
    ends_with_session,
    cancelled,
    http,
    http_headers,
    sse,
    sse_headers,
)
