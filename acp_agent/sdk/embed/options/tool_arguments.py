"""What a function takes, as a type that a model's arguments are checked by."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec

from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.tools.arguments import input_schema

CONTEXT = "ctx"
"""The parameter that is given the `ToolContext`; the model is not told of it."""

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def arguments_of(function: Callable[..., object]) -> type[msgspec.Struct]:
    """A type with a field for each parameter; one without a type is a text.

    Raises:
        ConfigInvalid: a parameter has no name, or a type of which no JSON Schema can be made.
    """
    where = f"the tool `{function.__name__}`"
    try:
        hints = get_type_hints(function)
    except NameError as exc:
        raise ConfigInvalid(f"{where}: {exc}") from exc
    fields: list[Any] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == CONTEXT:
            continue
        if parameter.kind not in _NAMED:
            raise ConfigInvalid(f"{where}: a model cannot name `{parameter.name}`", hint=_WAY_OUT)
        kind = hints.get(parameter.name, str)
        if parameter.default is inspect.Parameter.empty:
            fields.append((parameter.name, kind))
        else:
            fields.append((parameter.name, kind, _default(parameter.default)))
    try:
        arguments = msgspec.defstruct("Arguments", fields, kw_only=True)
        input_schema(arguments)
    except TypeError as exc:
        kind = str(exc).rpartition("\n")[2]
        raise ConfigInvalid(f"{where}: no JSON Schema says what it takes: {kind}", hint=_WAY_OUT) from exc
    return arguments


_WAY_OUT = "give a JSON Schema as `parameters`, and take values as the model sends them"


def _default(value: Any) -> Any:
    """The same for each call, as Python has it, though it may be a list."""
    return msgspec.field(default_factory=lambda: value) if type(value) in (list, dict, set) else value
