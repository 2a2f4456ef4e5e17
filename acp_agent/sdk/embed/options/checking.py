"""Whether options are of the types they are declared with: most programs are seen by no type checker."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from inspect import isfunction
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, Union, cast, get_args, get_origin, get_type_hints

from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.budget import BudgetGuard
from acp_agent.sdk.embed.options.fields import OptionFields

OPTIONAL = (BudgetGuard,)
"""Protocols of which one method is enough."""

OWN_CHECK = ("sandbox",)
"""Options whose types do not say all, and that are looked at where they are used."""

_WORDS: Mapping[object, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    os.PathLike: "a path",
    Mapping: "a mapping",
    Callable: "a function",
}


def check_values(options: Mapping[str, object]) -> None:
    """Refuse what an option cannot be.

    Raises:
        ConfigInvalid: there is one; says which, and what it must be.
    """
    hints = _hints()
    for name, value in options.items():
        if value is None or name in OWN_CHECK or _fits(value, hints[name]):
            continue
        hint = f"write `[{value!r}]`" if isinstance(value, str) and _is_list(hints[name]) else ""
        raise ConfigInvalid(f"`{name}`: must be {_words(hints[name])}, not {_shown(value)}", hint=hint)


@functools.cache
def _hints() -> dict[str, Any]:
    return get_type_hints(OptionFields, include_extras=True)


def _members(hint: Any) -> tuple[Any, ...]:
    """The types that the hint joins; itself if it joins none."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is_list(hint: Any) -> bool:
    return any(get_origin(member) is Sequence for member in _members(hint))


def _fits(value: object, hint: Any) -> bool:
    return any(_is(value, member) for member in _members(hint))


def _is(value: object, kind: Any) -> bool:
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin is Annotated:
        return _is(value, args[0]) and cast("int", value) >= _least(kind)
    if origin in (int, float):
        numbers = (int,) if origin is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool) and math.isfinite(value)
    if origin is Literal:
        return value in args
    if origin is Sequence:
        items = cast("Sequence[object]", value)
        return _is_sequence(value) and all(_fits(item, args[0]) for item in items)
    if origin is Mapping:
        held = cast("Mapping[object, object]", value)
        return isinstance(value, Mapping) and all(
            isinstance(key, str) and _fits(item, args[1]) for key, item in held.items()
        )
    if origin is Callable:
        return callable(value)
    if _is_protocol(origin):
        has = [callable(getattr(value, name, None)) for name in _methods(origin)]
        return any(has) if origin in OPTIONAL else all(has)
    return isinstance(value, origin)


def _least(bounded: Any) -> int:
    return bounded.__metadata__[0].ge  # the only bound that options have, see `given`


def _is_protocol(kind: type) -> bool:
    return Protocol in kind.__bases__


def _methods(protocol: type) -> list[str]:
    return [name for name, value in vars(protocol).items() if isfunction(value) and not name.startswith("_")]


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _words(hint: Any) -> str:
    members = [member for member in _members(hint) if member is not NoneType]
    if any(get_origin(member) is os.PathLike for member in members):
        members.remove(str)
    return " or ".join(dict.fromkeys(_word(member) for member in members))


def _word(kind: Any) -> str:
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin is Annotated:
        return f"{_word(args[0])} from {_least(kind)} on"
    if origin is Literal:
        return f"one of {', '.join(map(str, args))}"
    if origin is Sequence:
        return f"a list (each item {_words(args[0])})"
    if _is_protocol(origin):
        methods = ", ".join(f"`{name}`" for name in _methods(origin))
        return f"an object with {'one of ' if origin in OPTIONAL else ''}the methods {methods}"
    return _WORDS.get(origin) or f"a `{origin.__name__}`"


def _shown(value: object) -> str:
    """Single values as they are; of others only the type, for there may be secrets in them."""
    if isinstance(value, str | int | float):
        return f"`{value}`"
    if _is_sequence(value):
        odd = {type(item).__name__ for item in cast("Sequence[object]", value)}
        return f"a list of {', '.join(sorted(odd))}" if odd else "a list"
    return f"`{type(value).__name__}`"
