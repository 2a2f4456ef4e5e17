"""Modes and config options: at any time, kept over a load, and known by their ids."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import RequestId
from acp_agent.conformance.checks.settings.options import set_option, values_of, with_modes, with_options
from acp_agent.conformance.reach import objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import expect_refused
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Broken, Inconclusive, expect

_MODES = "Session modes"
_OPTIONS = "Session config options"
_LOAD = ("agentCapabilities.loadSession",)


def _expect_running(session: Session, prompt: RequestId, otherwise: str) -> None:
    if session.agent.is_answered(prompt):
        session.need_script("the turn ended at once")
        raise Broken(otherwise)


@requirement("modes.while-running", "MUST", section="Session modes > Setting the current mode")
async def while_running(stage: Stage) -> int:
    """A mode can be set while a turn runs."""
    session, ids = await with_modes(stage)
    prompt = await session.begin(Step("wait", "working"))
    await session.running(prompt)
    await session.agent.result("session/set_mode", {"sessionId": session.id, "modeId": ids[-1]})
    _expect_running(session, prompt, "setting a mode ended the turn")
    await session.cancel()
    await session.agent.answer(prompt)
    return 1


@requirement("config.each-session", "MUST", section=_OPTIONS)
async def each_session(stage: Stage) -> int:
    """Setting an option of one session leaves that of another alone."""
    session, found = await with_options(stage)
    option = next((item for item in found if len(values_of(item)) > 1), None)
    if option is None:
        raise Inconclusive("no option has two values")
    id, current = text_at(option, "id"), text_at(option, "currentValue")
    other = next(value for value in values_of(option) if value != current)
    second = await stage.open(session.agent)
    await set_option(session, id, other)
    # The answer to setting anything tells what all options are.
    quiet = next((item for item in found if text_at(item, "id") != id and values_of(item)), None)
    if quiet is None:
        raise Inconclusive("there is only one option")
    now = await set_option(second, text_at(quiet, "id"), text_at(quiet, "currentValue"))
    value = {text_at(item, "id"): text_at(item, "currentValue") for item in now}.get(id)
    expect(value == current, f"`{id}` of the other session is `{value}`, not `{current}`")
    return 1


@requirement("config.ids-differ", "MUST", section=_OPTIONS)
async def ids_differ(stage: Stage) -> int:
    """The ids of options differ, and so do the values of each."""
    _, found = await with_options(stage)
    ids = [text_at(option, "id") for option in found]
    expect(len(set(ids)) == len(ids) and "" not in ids, f"the ids are {ids}")
    for option in found:
        values = values_of(option)
        expect(len(set(values)) == len(values), f"the values of `{text_at(option, 'id')}` are {values}")
    return len(ids)


@requirement("config.unknown-id", "SHOULD", section=_OPTIONS)
async def unknown_id(stage: Stage) -> int:
    """An option that does not exist cannot be set."""
    session, _ = await with_options(stage)
    params: JsonObject = {"sessionId": session.id, "configId": "conformance-unknown", "value": "x"}
    response = await session.agent.ask("session/set_config_option", params)
    expect_refused("session/set_config_option", response, "an option that does not exist was set")
    return 1


@requirement("config.while-running", "MUST", section=_OPTIONS)
async def option_while_running(stage: Stage) -> int:
    """An option can be set while a turn runs."""
    session, found = await with_options(stage)
    prompt = await session.begin(Step("wait", "working"))
    await session.running(prompt)
    params: JsonObject = {
        "sessionId": session.id,
        "configId": text_at(found[0], "id"),
        "value": text_at(found[0], "currentValue"),
    }
    await session.agent.result("session/set_config_option", params)
    _expect_running(session, prompt, "setting an option ended the turn")
    await session.cancel()
    await session.agent.answer(prompt)
    return 1


@requirement("config.on-load", "SHOULD", section="Session setup > Loading sessions", needs=_LOAD)
async def on_load(stage: Stage) -> int:
    """A loaded session has the options a new one has."""
    session, found = await with_options(stage)
    await session.turn(say("hello"))
    session.need_script()
    await session.agent.end()
    loaded = await stage.load(session)
    known = {text_at(option, "id") for option in found}
    now = {text_at(option, "id") for option in objects_at(loaded.opened, "configOptions")}
    expect(bool(now), "a loaded session has no options")
    expect(known <= now, f"a loaded session has no {sorted(known - now)}")
    return len(now)


REQUIREMENTS = (while_running, each_session, ids_differ, unknown_id, option_while_running, on_load)
