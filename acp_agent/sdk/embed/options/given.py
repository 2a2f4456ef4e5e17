"""Values that may be given as an object or as a mapping of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.spelling import check_names, snake_keys

T = TypeVar("T", bound=msgspec.Struct)

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


def converted(value: T | Mapping[str, object], kind: type[T], where: str) -> T:
    """What the mapping describes, or the object itself, whose fields nobody has looked at either.

    Names may be in camel case. `where` says in messages what it is.

    Raises:
        ConfigInvalid: a field is unknown, or a value cannot be used.
    """
    if isinstance(value, kind):
        given: Mapping[str, object] = {name: getattr(value, name) for name in kind.__struct_fields__}
    elif isinstance(value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] # callers need no types
        given = snake_keys(value)
    else:
        raise ConfigInvalid(f"{where}: must be a `{kind.__name__}` or a mapping")
    check_names(where, given, kind.__struct_fields__)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as exc:
        raise ConfigInvalid(f"{where}: {exc}") from exc
