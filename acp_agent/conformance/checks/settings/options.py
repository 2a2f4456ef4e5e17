"""Modes, config options, slash commands."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import has, object_at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import expect_refused
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.verdicts import NotAdvertised, expect

_MODES = "Session modes"
_OPTIONS = "Session config options"


async def with_modes(stage: Stage) -> tuple[Session, list[str]]:
    """A session with modes, and their ids."""
    session = await stage.session()
    if not has(session.opened, "modes"):
        raise NotAdvertised("the session has no modes")
    return session, [text_at(mode, "id") for mode in objects_at(session.opened, "modes", "availableModes")]


async def with_options(stage: Stage) -> tuple[Session, list[JsonObject]]:
    """A session with config options, and these."""
    session = await stage.session()
    found = objects_at(session.opened, "configOptions")
    if not found:
        raise NotAdvertised("the session has no config options")
    return session, found


@requirement(
    "modes.current-is-available",
    "MUST",
    section=_MODES,
    aliases=("ACP-MODES-001",),
)
async def current_is_available(stage: Stage) -> int:
    """The current mode is one of the available ones, whose ids differ."""
    session, ids = await with_modes(stage)
    current = text_at(session.opened, "modes", "currentModeId")
    expect(current in ids, f"`{current}` is not among {ids}")
    expect(len(set(ids)) == len(ids), f"the ids are {ids}")
    return 1


@requirement(
    "modes.can-be-set",
    "MUST",
    section=_MODES,
    aliases=("ACP-MODES-002",),
)
async def can_be_set(stage: Stage) -> int:
    """Each available mode can be set."""
    session, ids = await with_modes(stage)
    for id in ids:
        await session.agent.result("session/set_mode", {"sessionId": session.id, "modeId": id})
    for update in session.updates("current_mode_update"):
        expect(text_at(update, "currentModeId") in ids, f"an update without a mode: {update}")
    return len(ids)


@requirement(
    "modes.unknown",
    "SHOULD",
    section=_MODES,
)
async def unknown_mode(stage: Stage) -> int:
    """A mode that does not exist cannot be set."""
    session, _ = await with_modes(stage)
    params: JsonObject = {"sessionId": session.id, "modeId": "conformance-unknown"}
    response = await session.agent.ask("session/set_mode", params)
    expect_refused("session/set_mode", response, "a mode that does not exist was set")
    return 1


@requirement(
    "config.current-is-valid",
    "MUST",
    section=_OPTIONS,
    aliases=("ACP-CONFIG-001",),
)
async def current_is_valid(stage: Stage) -> int:
    """The current value of each selection is one of its values."""
    _, found = await with_options(stage)
    selections = [option for option in found if text_at(option, "type") == "select"]
    for option in selections:
        current = text_at(option, "currentValue")
        expect(
            current in values_of(option), f"`{text_at(option, 'id')}` is `{current}`, of {values_of(option)}"
        )
    return len(selections)


@requirement(
    "config.answer-is-complete",
    "MUST",
    section=_OPTIONS,
    aliases=("ACP-CONFIG-002",),
)
async def answer_is_complete(stage: Stage) -> int:
    """Setting an option is answered with all options there are now, the new value among them."""
    session, found = await with_options(stage)
    known = [text_at(option, "id") for option in found]
    now = await set_option(session, known[0], text_at(found[0], "currentValue"))
    left_out = sorted(set(known) - {text_at(option, "id") for option in now})
    expect(not left_out, f"a change that changes nothing is answered without {left_out}")
    n_judged = 0
    for id in known:
        values = {text_at(option, "id"): values_of(option) for option in now}.get(id)
        if values:  # an option may go when another changes
            now = await set_option(session, id, values[-1])
            value = {text_at(option, "id"): text_at(option, "currentValue") for option in now}.get(id)
            expect(value == values[-1], f"`{id}` was set to `{values[-1]}` and is `{value}`")
            n_judged += 1
    return n_judged


async def set_option(session: Session, id: str, value: str) -> list[JsonObject]:
    """Set an option; the options in the answer."""
    params: JsonObject = {"sessionId": session.id, "configId": id, "value": value}
    return objects_at(await session.agent.result("session/set_config_option", params), "configOptions")


@requirement(
    "config.no-booleans-unasked",
    "MUST",
    section=_OPTIONS,
    aliases=("ACP-CONFIG-003",),
)
async def no_booleans(stage: Stage) -> int:
    """Boolean options are only offered to clients that take them."""
    _, found = await with_options(stage)
    kinds = [text_at(option, "type") for option in found]
    expect("boolean" not in kinds, "a boolean option was offered")
    return len(kinds)


@requirement(
    "config.unknown-value",
    "SHOULD",
    section=_OPTIONS,
)
async def unknown_value(stage: Stage) -> int:
    """A value that is not among those of a selection cannot be set."""
    session, found = await with_options(stage)
    params: JsonObject = {
        "sessionId": session.id,
        "configId": text_at(found[0], "id"),
        "value": "conformance-?",
    }
    response = await session.agent.ask("session/set_config_option", params)
    expect_refused("session/set_config_option", response, "a value that does not exist was set")
    return 1


@requirement(
    "config.in-step-with-modes",
    "quality",
    section=_OPTIONS,
)
async def in_step(stage: Stage) -> int:
    """Modes and a config option for the mode are kept in step: clients look at one of them."""
    session, ids = await with_modes(stage)
    options = [
        item for item in objects_at(session.opened, "configOptions") if text_at(item, "category") == "mode"
    ]
    if not options:
        raise NotAdvertised("no config option is for the mode")
    other = next((id for id in ids if id != text_at(session.opened, "modes", "currentModeId")), None)
    if other is None:
        return 0
    await session.agent.result("session/set_mode", {"sessionId": session.id, "modeId": other})
    update = await session.seen("config_option_update")
    wanted = text_at(options[0], "id")
    now = {text_at(item, "id"): text_at(item, "currentValue") for item in objects_at(update, "configOptions")}
    expect(now.get(wanted) == other, f"the mode is `{other}`, the option `{now.get(wanted)}`")
    return 1


@requirement(
    "commands.behind-the-session",
    "MUST",
    section="Slash commands",
)
async def commands_behind(stage: Stage) -> int:
    """Updates for a new session, as of its slash commands, come behind the answer that makes it known."""
    session = await stage.session()
    await session.agent.wait_exit(QUIET)
    opened = next(
        number
        for number, line in enumerate(session.agent.log)
        if text_at(line.frame, "result", "sessionId") == session.id
    )
    early = [line for line in session.agent.log[:opened] if text_at(line.frame, "method") == "session/update"]
    expect(not early, f"{len(early)} updates came before the session was known")
    return len(session.agent.calls("session/update"))


@requirement(
    "commands.well-formed",
    "SHOULD",
    section="Slash commands",
)
async def commands_well_formed(stage: Stage) -> int:
    """Slash commands have names that differ, without the slash, and descriptions."""
    session = await stage.session()
    await session.agent.wait_exit(QUIET)
    updates = session.updates("available_commands_update")
    for update in updates:
        commands = objects_at(update, "availableCommands")
        names = [text_at(command, "name") for command in commands]
        expect(len(set(names)) == len(names), f"the names are {names}")
        for command in commands:
            name = text_at(command, "name")
            expect(bool(name) and not name.startswith("/"), f"`{name}` is no name of a command")
            expect(bool(text_at(command, "description")), f"`{name}` has no description")
    return len(updates)


def values_of(option: JsonObject) -> list[str]:
    """The values of a selection, grouped or not."""
    found: list[str] = []
    for item in objects_at(object_at(option), "options"):
        inner = objects_at(item, "options")
        found += [text_at(value, "value") for value in inner or [item]]
    return found


REQUIREMENTS = (
    current_is_available,
    can_be_set,
    unknown_mode,
    current_is_valid,
    answer_is_complete,
    no_booleans,
    unknown_value,
    in_step,
    commands_behind,
    commands_well_formed,
)
