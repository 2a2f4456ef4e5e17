"""The model's arguments: their JSON Schema, and their check."""

from __future__ import annotations

import re
from typing import TypeVar, cast

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject, JsonValue

_Args = TypeVar("_Args", bound=msgspec.Struct)
_WHERE = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"Object missing required field `(.+?)`")


def input_schema(args_type: type[msgspec.Struct]) -> JsonObject:
    """The plain object schema of `args_type`: no references, no titles, which not every model reads."""
    schema = cast("JsonObject", msgspec.json.schema(args_type))
    definitions = cast("JsonObject", schema.pop("$defs", {}))
    plain = cast("JsonObject", _plain(schema, definitions))
    plain.pop("description", None)  # the tool's own says it
    return plain


def parse_args(args_type: type[_Args], args: JsonObject) -> _Args:
    """The arguments as `args_type`. Unknown ones are ignored, null means that one was left out.

    Raises:
        ToolError: one is missing or of the wrong type; the message names it.
    """
    given = {name: value for name, value in args.items() if value is not None}
    try:
        return msgspec.convert(given, args_type)
    except msgspec.ValidationError as exc:
        raise ToolError(_for_model(str(exc))) from exc


def _plain(value: JsonValue, definitions: JsonObject) -> JsonValue:
    if isinstance(value, list):
        return [_plain(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(reference := value.get("$ref"), str):
        return _plain(definitions[reference.rpartition("/")[2]], definitions)
    plain = {name: _plain(item, definitions) for name, item in value.items()}
    if "properties" in plain and isinstance(plain.get("title"), str):
        del plain["title"]
    if "enum" in plain and "type" not in plain:
        plain["type"] = "string"
    return plain


def _for_model(message: str) -> str:
    where = match[1] if (match := _WHERE.search(message)) else ""
    what = _WHERE.sub("", message)
    if match := _MISSING.fullmatch(what):
        where, what = f"{where}.{match[1]}".lstrip("."), "required argument is missing"
    what = what.replace("`", "")
    what = what[:1].lower() + what[1:]
    return f"`{where}`: {what}" if where else what
