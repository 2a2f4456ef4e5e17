"""Logging in and out."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import LOGIN_FIRST, expect_refused
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.verdicts import Broken, NotAdvertised, Skipped, expect

_SECTION = "Authentication"
_PERSON_TIME = 5.0


@requirement("auth.unknown-method", "SHOULD", section=_SECTION)
async def unknown_method(stage: Stage) -> int:
    """A way to log in that was not offered is an error."""
    agent = await stage.start()
    if not objects_at(await stage.initialize(agent), "authMethods"):
        raise NotAdvertised("there are no ways to log in")
    response = await agent.ask("authenticate", {"methodId": "conformance-unknown"})
    expect_refused("authenticate", response, "a way to log in that does not exist was taken")
    return 1


@requirement("auth.then-session", "MUST", section=_SECTION, aliases=("ACP-AUTH-003",))
async def then_session(stage: Stage) -> int:
    """After a login that succeeded a session can be opened."""
    agent = await stage.start()
    result = await stage.initialize(agent)
    methods = [item for item in objects_at(result, "authMethods") if text_at(item, "type") in ("", "agent")]
    if not methods:
        raise NotAdvertised("there is no way to log in that the agent handles")
    params: JsonObject = {"methodId": text_at(methods[0], "id")}
    id = await agent.request("authenticate", params)
    try:
        response = await agent.answer(id, patience=min(_PERSON_TIME, agent.patience))
    except Broken as exc:
        if agent.output_ended.is_set():
            raise
        raise Skipped("the login waits for a person") from exc
    if "error" in response:
        raise Skipped(f"the login needs an account: {text_at(response, 'error', 'message')}")
    opened = await agent.ask("session/new", stage.new_params())
    code = at(opened, "error", "code")
    expect(code != LOGIN_FIRST, "after the login a session wants a login")
    expect("result" in opened, f"answered {str(opened)[:300]}")
    return 1


@requirement(
    "auth.logout",
    "MUST",
    section=_SECTION,
    needs=("agentCapabilities.auth.logout",),
    aliases=("ACP-AUTH-004",),
)
async def logout(stage: Stage) -> int:
    """Where advertised, logging out is answered, and the conversation goes on."""
    agent = await stage.ready()
    await agent.result("logout", {})
    await agent.ask("session/new", stage.new_params())
    return 1


@requirement("auth.no-surprise", "MUST", section=_SECTION, aliases=("ACP-AUTH-005",))
async def no_surprise(stage: Stage) -> int:
    """A login is only asked for if there is a way to log in."""
    agent = await stage.start(keyless=True)
    result = await stage.initialize(agent)
    methods = objects_at(result, "authMethods")
    opened = await agent.ask("session/new", stage.new_params())
    wants = at(opened, "error", "code") == LOGIN_FIRST
    expect(bool(methods) or not wants, "a login is wanted, and there is no way to log in")
    return 1


@requirement(
    "auth.status",
    "MUST",
    section="Authentication status",
    version="v1 draft",
    needs=("agentCapabilities.auth.status",),
)
async def status(stage: Stage) -> int:
    """Where advertised, whether a login is needed is told to whoever asks, logged in or not."""
    agent = await stage.start(keyless=True)
    await stage.initialize(agent)
    response = await agent.ask("auth/status", {})
    told = text_at(response, "result", "state")
    expect(bool(told), f"no state was told: {str(response)[:300]}")
    opened = await agent.ask("session/new", stage.new_params())
    wants = at(opened, "error", "code") == LOGIN_FIRST
    expect(told not in ("authenticated", "not_required") or not wants, f"a login is wanted in state `{told}`")
    expect(told != "unauthenticated" or "result" not in opened, f"no login is wanted in state `{told}`")
    return 1


REQUIREMENTS = (unknown_method, then_session, logout, no_surprise, status)
