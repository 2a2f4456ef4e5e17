"""What the user can choose in a session: which options there are at this moment, and what they amount to.

Pure functions of the model, the mode and what was chosen. A choice that the current model does not take
rests: it counts again as soon as a model takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias, cast

import msgspec

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.jsontext import dump_text
from acp_agent.model import events
from acp_agent.model.chat import ModelRequest
from acp_agent.model.session import MODES, ModeId, ModelInfo, Parameter

Category: TypeAlias = Literal["mode", "model", "thought_level", "model_config"]
Chosen: TypeAlias = Mapping[str, str | bool]
"""By option id, what was chosen for options other than mode and model."""

MODE = "mode"
MODEL = "model"
THOUGHT_LEVEL = "thought_level"
TEMPERATURE: Parameter = "temperature"
MAX_OUTPUT: Parameter = "max_output_tokens"
PARALLEL_CALLS: Parameter = "parallel_calls"
DEFAULT = "default"

LEVELS = {
    "default": ("Default", "What the service does by itself."),
    "configured": ("Configured", "The budget in the settings."),
    "off": ("Off", "Answers at once."),
    "minimal": ("Minimal", "Hardly thinks."),
    "low": ("Low", "Thinks a little."),
    "medium": ("Medium", "Thinks a while."),
    "high": ("High", "Thinks long."),
    "max": ("Maximum", "Thinks as long as it likes."),
}
"""Name and description of each thought level."""

TEMPERATURES = ("0", "0.3", "0.7", "1")
LENGTHS = (4_096, 8_192, 16_384, 32_768, 65_536)
"""Tokens an answer may be limited to, as far as they are a limit for the model."""


class Value(msgspec.Struct, frozen=True):
    """Something that can be chosen."""

    id: str
    name: str
    description: str = ""


class Group(msgspec.Struct, frozen=True):
    """Values under a heading."""

    name: str
    values: tuple[Value, ...]


class Select(msgspec.Struct, frozen=True):
    """One of several; with more than one group their names are worth showing."""

    id: str
    name: str
    category: Category
    current: str
    groups: tuple[Group, ...]
    description: str = ""

    @property
    def values(self) -> tuple[Value, ...]:
        """Those of all groups."""
        return tuple(value for group in self.groups for value in group.values)


class Switch(msgspec.Struct, frozen=True):
    """On or off."""

    id: str
    name: str
    category: Category
    current: bool
    description: str = ""


Option: TypeAlias = Select | Switch


def options_of(
    mode: ModeId, model: ModelInfo, models: Sequence[ModelInfo], chosen: Chosen
) -> tuple[Option, ...]:
    """Every option there is with this model, most important first; each with the value that counts now."""
    return (
        _select(MODE, "Mode", "mode", mode, [Value(one.id, one.name, one.description) for one in MODES]),
        Select(MODEL, "Model", "model", model.id, _by_provider(models)),
        *_of_model(model, chosen),
    )


def accept(
    options: Sequence[Option], option_id: str, value: str | bool
) -> events.ModeChanged | events.ModelChanged | events.OptionChanged | None:
    """What choosing the value changes; None if it is the value already.

    A switch takes `on` and `off` as well.

    Raises:
        InvalidChoice: there is no such option (its field is then `option`), or it takes no such value.
    """
    option = next((known for known in options if known.id == option_id), None)
    if option is None:
        raise InvalidChoice("option", option_id, tuple(known.id for known in options))
    value = _checked(option, value)
    if value == option.current:
        return None
    match option_id, value:
        case ("mode", str()):
            return events.ModeChanged(cast("ModeId", value))  # one of `MODES`: it was among the values
        case ("model", str()):
            return events.ModelChanged(value)
        case _:
            return events.OptionChanged(option_id, value)


def tuned(request: ModelRequest, chosen: Chosen) -> ModelRequest:
    """The request with everything chosen that its model takes."""
    if not chosen:
        return request
    current = {option.id: option.current for option in _of_model(request.model, chosen)}
    temperature, length = current.get(TEMPERATURE, DEFAULT), current.get(MAX_OUTPUT, DEFAULT)
    return msgspec.structs.replace(
        request,
        thought_level=str(current.get(THOUGHT_LEVEL, "")),
        temperature=None if temperature == DEFAULT else float(temperature),
        max_output=None if length == DEFAULT else int(length),
        parallel_calls=current.get(PARALLEL_CALLS) is not False,
    )


def _checked(option: Option, value: str | bool) -> str | bool:
    match option:
        case Switch():
            said = {True: True, False: False, "on": True, "off": False}.get(value)
            if said is None:
                raise InvalidChoice(option.id, str(value), ("on", "off"))
            return said
        case Select():
            choices = tuple(known.id for known in option.values)
            if not isinstance(value, str) or value not in choices:
                raise InvalidChoice(option.id, value if isinstance(value, str) else dump_text(value), choices)
            return value


def _of_model(model: ModelInfo, chosen: Chosen) -> Iterator[Option]:
    """The options that depend on the model."""
    level = ""
    if model.thought_levels:
        levels = [Value(level, *LEVELS[level]) for level in model.thought_levels]
        option = _chosen(chosen, THOUGHT_LEVEL, "Thinking", "thought_level", levels)
        level = option.current
        yield option
    if TEMPERATURE in model.parameters and level in ("", "off"):
        values = [Value(DEFAULT, "Default"), *(Value(text, text) for text in TEMPERATURES)]
        about = "How much chance there is in the choice of words."
        yield _chosen(chosen, TEMPERATURE, "Temperature", "model_config", values, about)
    lengths = [length for length in LENGTHS if length < model.max_output]
    if MAX_OUTPUT in model.parameters and lengths:
        values = [
            Value(DEFAULT, f"Up to {model.max_output:,} tokens"),
            *(Value(str(length), f"Up to {length:,} tokens") for length in reversed(lengths)),
        ]
        about = "How much the model may write in one step, thinking included."
        yield _chosen(chosen, MAX_OUTPUT, "Answer length", "model_config", values, about)
    if PARALLEL_CALLS in model.parameters:
        about = "Whether the model may call several tools in one step."
        on = chosen.get(PARALLEL_CALLS) is not False
        yield Switch(PARALLEL_CALLS, "Parallel tool calls", "model_config", on, about)


def _chosen(
    chosen: Chosen, option_id: str, name: str, category: Category, values: list[Value], about: str = ""
) -> Select:
    """The option with what was chosen for it, if that is among the values, else with the first of them."""
    said = chosen.get(option_id)
    current = next((value.id for value in values if value.id == said), values[0].id)
    return _select(option_id, name, category, current, values, about)


def _select(
    option_id: str, name: str, category: Category, current: str, values: list[Value], about: str = ""
) -> Select:
    return Select(option_id, name, category, current, (Group(name, tuple(values)),), about)


def _by_provider(models: Sequence[ModelInfo]) -> tuple[Group, ...]:
    groups: dict[str, list[Value]] = {}
    for model in models:
        groups.setdefault(model.id.partition("/")[0], []).append(Value(model.id, model.name))
    return tuple(Group(name, tuple(values)) for name, values in groups.items())
