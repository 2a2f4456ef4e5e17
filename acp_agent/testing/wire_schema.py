"""The bare ACP schema as a judge of values: wrong shapes, unknown keys, needless nulls.

The schema comes with the package; in a checkout it is the folder `schema`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue

if TYPE_CHECKING:
    from jsonschema import ValidationError

Kind: TypeAlias = Literal["request", "notification"]
Side: TypeAlias = Literal["agent", "client", "protocol", "proxy"]

INSTALLED_SCHEMA = Path(__file__).resolve().parent / "schema"
"""Where wheels put the schema."""

CHECKOUT_SCHEMA = Path(__file__).resolve().parents[2] / "schema"
"""Where the schema lies when this package runs from a checkout."""


def schema_folder() -> Path:
    """The folder of the schema, installed or checked out."""
    return INSTALLED_SCHEMA if INSTALLED_SCHEMA.is_dir() else CHECKOUT_SCHEMA


class Method(msgspec.Struct, frozen=True):
    """One row of the method table; `side` is who receives it."""

    method: str
    kind: Kind
    side: Side
    params: str
    result: str | None
    stable: bool


class WireSchema:
    """One protocol version's definitions, each compiled once, at its first use."""

    def __init__(
        self, folder: Path | None = None, *, version: Literal["v1", "v2"] = "v1", unstable: bool = False
    ) -> None:
        folder = folder or schema_folder()
        name = "schema.unstable.json" if unstable else "schema.json"
        document: JsonObject = json.loads((folder / version / name).read_bytes())
        rows = msgspec.json.decode((folder / version / "methods.json").read_bytes(), type=list[Method])
        self._definitions = cast("JsonObject", document["$defs"])  # every exported schema has them
        self.methods = tuple(row for row in rows if unstable or row.stable)
        self._by_name = {(row.kind, row.side, row.method): row for row in self.methods}
        self._validators: dict[str, _Validator] = {}

    def find(self, kind: Kind, receiver: Literal["agent", "client"], method: str) -> Method | None:
        """The table row of a method that `receiver` accepts, or None."""
        own = self._by_name.get((kind, receiver, method))
        return own or self._by_name.get((kind, "protocol", method))

    def violations(self, definition: str, value: JsonValue) -> list[str]:
        """What the JSON Schema of `definition` forbids in `value`, one sentence each."""
        return [
            f"{error.json_path.removeprefix('$').lstrip('.') or definition}: {_short(error.message)}"
            for error in self._validator(definition).iter_errors(value)
        ]

    def surplus(self, definition: str, value: JsonValue, *, nulls: bool) -> list[str]:
        """What is valid but should not be there, one sentence each.

        That is keys which the specification does not define where they stand and, if `nulls`, optional fields
        written as null although leaving them out means the same. `_meta` and free-form values are exempt.
        """
        problems: list[str] = []
        for path, fields, item in self._objects({"$ref": f"#/$defs/{definition}"}, value, ""):
            for key, field in item.items():
                where = f"{path}.{key}".lstrip(".")
                if key not in fields.properties and key != "_meta":
                    if not fields.is_open:
                        problems.append(f"{where}: unknown key")
                elif nulls and field is None and key not in fields.required | _clearing_nulls(item):
                    problems.append(f"{where}: null in an optional field; leave it out")
        return problems

    def _validator(self, definition: str) -> _Validator:
        known = self._validators.get(definition)
        if known is None:
            root: JsonObject = {"$ref": f"#/$defs/{definition}", "$defs": self._definitions}
            known = self._validators[definition] = _validator_class()(root)
        return known

    def _objects(
        self, node: JsonObject, value: JsonValue, path: str
    ) -> Iterator[tuple[str, _Fields, JsonObject]]:
        """Every object inside `value` that the specification describes, with what it may hold."""
        fields = _Fields()
        self._gather(node, value, fields)
        if isinstance(value, list) and fields.items is not None:
            for index, item in enumerate(value):
                yield from self._objects(fields.items, item, f"{path}[{index}]")
        elif isinstance(value, dict):
            if fields.is_described:
                yield path, fields, value
            for key, item in value.items():
                inner = fields.properties.get(key, fields.others)
                if inner is not None:
                    yield from self._objects(inner, item, f"{path}.{key}")

    def _gather(self, node: JsonObject, value: JsonValue, fields: _Fields) -> None:
        """Add to `fields` what `node` says about `value`, following references and fitting alternatives."""
        for keyword, content in node.items():
            match keyword, content:
                case "$ref", str():
                    self._gather(_schema(self._definitions[content.rpartition("/")[2]]), value, fields)
                case "properties", dict():
                    fields.is_described = True
                    fields.properties.update({key: _schema(inner) for key, inner in content.items()})
                case "required", list():
                    fields.required.update(str(key) for key in content)
                case "items", dict():
                    fields.items = content
                case (("additionalProperties" | "unevaluatedProperties"), _):
                    fields.is_open = content is not False
                    fields.others = content if isinstance(content, dict) else None
                case "allOf", list():
                    for inner in content:
                        self._gather(_schema(inner), value, fields)
                case (("anyOf" | "oneOf"), list()):
                    fitting = fitting_branches([_schema(inner) for inner in content], value)
                    if fitting:
                        self._gather(
                            max(fitting, key=lambda branch: self._overlap(branch, value)), value, fields
                        )
                case _:
                    pass  # keywords that say nothing about which keys an object has

    def _overlap(self, branch: JsonObject, value: JsonValue) -> int:
        fields = _Fields()
        self._gather(branch, value, fields)
        if isinstance(value, list):  # lists differ in what they hold
            return self._overlap(fields.items, value[0]) if value and fields.items is not None else 0
        keys = set(value) if isinstance(value, dict) else set[str]()
        return len(keys & set(fields.properties)) - 100 * len(fields.required - keys)


@functools.cache
def wire_schema(folder: Path, *, unstable: bool) -> WireSchema:
    """The schema of version 1 in this folder, read once."""
    return WireSchema(folder, unstable=unstable)


class _Fields:
    """What a specification says about one object or array."""

    def __init__(self) -> None:
        self.properties: dict[str, JsonObject] = {}
        self.required: set[str] = set()
        self.others: JsonObject | None = None
        self.items: JsonObject | None = None
        self.is_described = False
        self.is_open = False


def fitting_branches(branches: list[JsonObject], value: JsonValue) -> list[JsonObject]:
    """The alternatives that the value's tags and null-ness do not rule out."""
    return [branch for branch in branches if _fits(branch, value)]


def _fits(branch: JsonObject, value: JsonValue) -> bool:
    if "const" in branch:
        return branch["const"] == value
    if branch.get("type") == "null":
        return value is None
    properties = branch.get("properties")
    if not isinstance(properties, dict) or not isinstance(value, dict):
        return value is not None
    for key, inner in properties.items():
        if (
            isinstance(inner, dict)
            and "const" in inner
            and (key not in value or value[key] != inner["const"])
        ):
            return False
    return True


def _clearing_nulls(item: JsonObject) -> frozenset[str]:
    """The optional fields in which null is no synonym of absence but empties the stored value."""
    match item.get("sessionUpdate"):
        case "session_info_update":
            return frozenset({"title", "updatedAt"})
        case "compaction_update":
            return frozenset({"summary", "error", "_meta"})
        case _:
            return frozenset()


def _schema(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"not a schema: `{value}`; export the schema again")
    return value


class _Validator(Protocol):
    """The part of a `jsonschema` validator used here; the package's own types are incomplete."""

    def iter_errors(self, instance: JsonValue) -> Iterator[ValidationError]: ...

    def descend(self, instance: JsonValue, schema: JsonObject) -> Iterator[ValidationError]: ...


@functools.cache
def _validator_class() -> Callable[[JsonObject], _Validator]:
    from jsonschema import (  # lazy: most programs judge nothing
        Draft202012Validator,
        ValidationError,
        validators,
    )

    def union(
        validator: _Validator, branches: list[JsonObject], instance: JsonValue, _: JsonObject
    ) -> Iterator[ValidationError]:
        """Judge a tagged union by the branch its tag names: one branch costs, one branch speaks."""
        found: list[list[ValidationError]] = []
        for branch in fitting_branches(branches, instance):
            errors = list(validator.descend(instance, branch))
            if not errors:
                return
            found.append(errors)
        if found:
            yield from min(found, key=len)
        else:
            yield ValidationError(
                f"`{_short(json.dumps(instance))}` is none of the {len(branches)} alternatives"
            )

    extend = cast("Callable[..., Any]", validators.extend)  # pyright: ignore[reportUnknownMemberType]
    return extend(Draft202012Validator, {"oneOf": union, "anyOf": union})


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:80]} ... {text[-75:]}"
