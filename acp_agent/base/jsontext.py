"""JSON values as text: strict in, compact out.

Strict means what RFC 8259 says and Python's own parser does not enforce: no NaN or Infinity, no lone
surrogates, valid UTF-8, bounded nesting. One line out: no newline ever appears in `dump`'s result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
    JsonObject: TypeAlias = dict[str, JsonValue]
else:  # msgspec and pydantic read annotations at run time and know no recursive alias
    JsonValue = Any
    JsonObject = dict[str, Any]

MAX_NESTING = 256
"""Arrays and objects within each other that `load` accepts."""

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class InvalidJson(ValueError):
    """The text is not JSON, or not JSON we accept; the message says why."""


def load(text: bytes) -> JsonValue:
    """Parse one JSON text.

    Raises:
        InvalidJson: malformed, not UTF-8, non-finite numbers, lone surrogates or nested too deeply.
    """
    try:
        value: JsonValue = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise InvalidJson(str(exc)) from exc
    except RecursionError as exc:
        raise InvalidJson(f"nested deeper than {MAX_NESTING}") from exc
    if text.count(b"[") + text.count(b"{") > MAX_NESTING and _depth_exceeds(value, MAX_NESTING):
        raise InvalidJson(f"nested deeper than {MAX_NESTING}")
    return value


def dump(value: object) -> bytes:
    """Encode as one line of UTF-8 JSON.

    Lone surrogates, which have no UTF-8 form, become `?`; non-finite floats become null.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_without_surrogates(msgspec.to_builtins(value)))


def dump_text(value: object) -> str:
    """Encode as `dump` does, as a string."""
    return dump(value).decode()


def _depth_exceeds(value: JsonValue, limit: int) -> bool:
    level: list[JsonValue] = [value]
    for _ in range(limit):
        inner: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(child for child in item.values() if isinstance(child, (dict, list)))
            elif isinstance(item, list):
                inner.extend(child for child in item if isinstance(child, (dict, list)))
        if not inner:
            return False
        level = inner
    return True


def _without_surrogates(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list() | tuple():  # a struct's tuples stay tuples
            return [_without_surrogates(item) for item in cast("Sequence[object]", value)]
        case dict():
            items = cast("dict[object, object]", value).items()
            return {_without_surrogates(key): _without_surrogates(item) for key, item in items}
        case _:
            return value
