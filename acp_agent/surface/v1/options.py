"""Mode and model as version 1 shows them: config options, and modes for clients that know only those."""

from __future__ import annotations

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.session import Session
from acp_agent.model.session import MODES
from acp_agent.rpc.errors import invalid_params


def config_options(session: Session) -> list[JsonValue]:
    """The complete list, with the values of this moment."""
    modes: list[JsonValue] = [
        {"value": mode.id, "name": mode.name, "description": mode.description} for mode in MODES
    ]
    models: list[JsonValue] = [{"value": model.id, "name": model.name} for model in session.models()]
    return [
        _select("mode", "Mode", "mode", session.state.mode, modes),
        _select("model", "Model", "model", session.state.model, models),
    ]


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
        RpcError: there is no such option, or it takes no such value.
        InvalidChoice: the value is none of the option's.
    """
    if isinstance(value, bool):
        raise invalid_params("value", f"`{option_id}` takes one of its options' values, not a boolean")
    try:
        match option_id:
            case "mode":
                await session.set_mode(value)
            case "model":
                await session.set_model(value)
            case _:
                raise invalid_params("configId", f"unknown option `{option_id}`; choose `mode` or `model`")
    except InvalidChoice as exc:
        raise exc.called("value") from None


def _select(option_id: str, name: str, category: str, current: str, options: list[JsonValue]) -> JsonObject:
    return {
        "id": option_id,
        "name": name,
        "category": category,
        "type": "select",
        "currentValue": current,
        "options": options,
    }
