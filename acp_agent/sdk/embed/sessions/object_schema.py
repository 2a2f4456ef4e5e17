"""The schema of a wanted object: what a tool's arguments may be, and what is wrong with a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from acp_agent.base.jsontext import InvalidJson, JsonObject, JsonValue, dump_text, load
from acp_agent.sdk.embed.errors import ConfigInvalid

MAX_COMPLAINTS = 10
"""What a model is told at once of what is wrong with its answer."""

_WRAPPED = "value"  # holds what is no object, since arguments of a tool are always one
_DEFINITIONS = ("$defs", "definitions")


class _Complaint(Protocol):
    @property
    def json_path(self) -> str: ...

    @property
    def message(self) -> str: ...


class _Validator(Protocol):
    """The part of a `jsonschema` validator used here; the package's own types are incomplete."""

    def iter_errors(self, instance: JsonValue) -> Iterator[_Complaint]: ...


class ObjectSchema:
    """A JSON Schema. References lead nowhere but into itself: nothing is fetched.

    Raises:
        ConfigInvalid: it is no schema.
    """

    def __init__(self, schema: JsonObject) -> None:
        # lazy: 60 ms, only for programs that want objects
        from jsonschema import SchemaError, validators
        from referencing import Registry

        if not isinstance(schema.get("$schema", ""), str):
            raise ConfigInvalid("`schema`: `$schema` is no string", hint="give a JSON Schema")
        find = cast("Callable[..., Any]", validators.validator_for)  # pyright: ignore[reportUnknownMemberType]
        kind = find(schema, default=validators.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except SchemaError as exc:
            raise ConfigInvalid(f"`schema`: {exc.message}", hint="give a JSON Schema") from exc
        self._schema = schema
        self._wraps = schema.get("type") != "object"
        self._validator: _Validator = kind(schema, registry=Registry[Any]())

    @property
    def arguments(self) -> JsonObject:
        """The schema of the arguments by which a model gives the value."""
        if not self._wraps:
            return self._schema
        inner = {name: value for name, value in self._schema.items() if name not in _DEFINITIONS}
        shared = {name: self._schema[name] for name in _DEFINITIONS if name in self._schema}
        return {"type": "object", "properties": {_WRAPPED: inner}, "required": [_WRAPPED], **shared}

    @property
    def text(self) -> str:
        """The schema to be read."""
        return dump_text(self._schema)

    def from_arguments(self, text: str) -> JsonValue:
        """The value in the arguments of a call.

        Raises:
            InvalidJson: they are no JSON object, or have no such value.
        """
        arguments = load(text.encode() or b"{}")
        if not isinstance(arguments, dict):
            raise InvalidJson("the arguments are no object")
        if not self._wraps:
            return arguments
        if _WRAPPED not in arguments:
            raise InvalidJson(f"the argument `{_WRAPPED}` is missing")
        return arguments[_WRAPPED]

    def complaints(self, value: JsonValue) -> list[str]:
        """What is wrong with a value; nothing if it fits.

        Raises:
            ConfigInvalid: the schema refers to something outside of itself, or without end.
        """
        from referencing.exceptions import Unresolvable  # lazy: loaded by now

        try:
            found = [f"{one.json_path}: {one.message[:300]}" for one in self._validator.iter_errors(value)]
        except Unresolvable as exc:
            raise ConfigInvalid(f"`schema`: the reference `{exc.ref}` leads nowhere within it") from exc
        except RecursionError as exc:
            raise ConfigInvalid(
                "`schema`: its references never end, or not before the value's depth"
            ) from exc
        return found[:MAX_COMPLAINTS]


def value_in(text: str) -> JsonValue:
    """The JSON value that a text is, or that it holds in a fence of Markdown or among words.

    Raises:
        InvalidJson: there is none.
    """
    text = text.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rpartition("```")[0].strip()
    try:
        return load(text.encode())
    except InvalidJson:
        starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
        end = max(text.rfind("}"), text.rfind("]")) + 1
        if not starts or min(starts) >= end:
            raise
        return load(text[min(starts) : end].encode())
