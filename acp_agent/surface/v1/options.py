"""What can be chosen in a session as version 1 shows it: config options, and modes for older clients."""

from __future__ import annotations

from typing import assert_never

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.options import Group, Option, Select, Switch
from acp_agent.engine.session import Session
from acp_agent.model.session import MODES


def config_options(session: Session, *, switches: bool) -> list[JsonValue]:
    """The complete list, with the values of this moment.

    `switches` says whether the client draws boolean options; without, they are a choice of `on` and `off`.
    """
    return [_option(option, switches=switches) for option in session.choices.options()]


def mode_state(session: Session) -> JsonObject:
    """`SessionModeState`: the same modes for older clients."""
    return {
        "currentModeId": session.state.mode,
        "availableModes": [
            {"id": mode.id, "name": mode.name, "description": mode.description} for mode in MODES
        ],
    }


async def set_option(session: Session, option_id: str, value: str | bool) -> None:
    """Choose a value.

    Raises:
        InvalidChoice: there is no such option, or it takes no such value; its field says which.
    """
    try:
        await session.choices.make(option_id, value)
    except InvalidChoice as exc:
        raise exc.called("configId" if exc.field == "option" else "value") from None


def _option(option: Option, *, switches: bool) -> JsonObject:
    shown: JsonObject = {"id": option.id, "name": option.name, "category": option.category}
    if option.description:
        shown["description"] = option.description
    match option:
        case Switch(current=current) if switches:
            return {**shown, "type": "boolean", "currentValue": current}
        case Switch(current=current):
            values: list[JsonValue] = [{"value": "on", "name": "On"}, {"value": "off", "name": "Off"}]
            return {**shown, "type": "select", "currentValue": "on" if current else "off", "options": values}
        case Select(current=current, groups=groups):
            return {**shown, "type": "select", "currentValue": current, "options": _options(groups)}
        case _:
            assert_never(option)


def _options(groups: tuple[Group, ...]) -> list[JsonValue]:
    if len(groups) == 1:
        return _values(groups[0])
    return [{"group": group.name, "name": group.name, "options": _values(group)} for group in groups]


def _values(group: Group) -> list[JsonValue]:
    shown: list[JsonValue] = []
    for value in group.values:
        entry: JsonObject = {"value": value.id, "name": value.name}
        if value.description:
            entry["description"] = value.description
        shown.append(entry)
    return shown
