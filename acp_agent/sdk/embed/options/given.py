"""Values that a program may give as a mapping of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

import msgspec

from acp_agent.sdk.embed.errors import ConfigInvalid

T = TypeVar("T", bound=msgspec.Struct)


def converted(value: T | Mapping[str, object], kind: type[T], where: str) -> T:
    """The value itself, or what the mapping describes; `where` says in messages what it is.

    Raises:
        ConfigInvalid: a key is unknown, or a value cannot be used.
    """
    if isinstance(value, kind):
        return value
    given = dict(cast("Mapping[str, object]", value))
    for name in given:
        if name not in kind.__struct_fields__:
            known = ", ".join(kind.__struct_fields__)
            raise ConfigInvalid(f"{where}: unknown key `{name}`", hint=f"known keys: {known}")
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as exc:
        raise ConfigInvalid(f"{where}: {exc}") from exc
