"""The same payloads read by our models, by the official Python SDK's, and judged by the schema.

Payloads are made from the schema, and then one value in each is replaced or taken out. Where the SDK and
the schema agree, so do we; where they do not, the SDK is older, and the schema's own tests decide.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
from acp import schema as sdk
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.rpc.errors import RpcError
from acp_agent.surface.v1.params import BY_METHOD
from acp_agent.surface.v1.wire import read
from acp_agent.testing.wire_schema import WireSchema

FOLDER = Path(__file__).resolve().parents[2] / "schema" / "v1"
DEFINITIONS: dict[str, Any] = json.loads((FOLDER / "schema.json").read_bytes())["$defs"]
ROWS: list[dict[str, Any]] = json.loads((FOLDER / "methods.json").read_bytes())
SCHEMA = WireSchema()
REQUESTS = {
    row["method"]: row["params"]
    for row in ROWS
    if row["stable"] and row["side"] == "agent" and row["kind"] == "request" and row["method"] in BY_METHOD
}

SDK_MODELS = {
    "session/set_config_option": (
        "SetSessionConfigOptionBooleanRequest",
        "SetSessionConfigOptionSelectRequest",
    )
}
"""Requests for which the SDK has a model for each of their forms."""

TEXTS = st.sampled_from(["a", "AAAA", "/tmp"])
PATHS = {"cwd", "additionalDirectories"}
"""Members that hold absolute paths, which the SDK does not check."""

STRANGE = st.sampled_from([None, 7, -1, 1.5, True, "", "text", [], ["x"], {}, {"a": 1}])


def payload(node: dict[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Values the schema describes."""
    if "$ref" in node:
        return payload(DEFINITIONS[node["$ref"].rpartition("/")[2]], name)
    if "const" in node:
        return st.just(node["const"])
    arms = node.get("oneOf") or node.get("anyOf")
    if arms or "allOf" in node:
        rest = {key: value for key, value in node.items() if key in ("properties", "required", "type")}
        parts = [payload(part, name) for part in node.get("allOf", ())]
        chosen = st.one_of([payload(arm, name) for arm in arms]) if arms else st.just({})
        return st.tuples(*parts, chosen, payload(rest, name) if rest else st.just({})).map(joined)
    match node.get("type"):
        case "object":
            return object_payload(node)
        case "array":
            return st.lists(payload(node.get("items", {}), name), max_size=2)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(0, 9)
        case "string":
            return st.just("/tmp") if name in PATHS else TEXTS
        case [first, "null"]:
            return st.none() | payload({**node, "type": first}, name)
        case _:
            return st.none()


def object_payload(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    members = node.get("properties", {})
    named = node.get("required", ())
    required = {name: payload(member, name) for name, member in members.items() if name in named}
    optional = {
        name: payload(member, name)
        for name, member in members.items()
        if name not in required and name not in ("_meta", "annotations")
    }
    return st.fixed_dictionaries(required, optional=optional)


def joined(parts: tuple[Any, ...]) -> Any:
    objects = [part for part in parts if isinstance(part, dict)]
    whole = [part for part in parts if not isinstance(part, dict)]
    return whole[0] if whole else {key: value for part in objects for key, value in part.items()}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@st.composite
def damaged(draw: st.DrawFn, method: str) -> Any:
    value = copy.deepcopy(draw(payload(DEFINITIONS[REQUESTS[method]])))
    known = list(places(value))
    if known and draw(st.booleans()):
        *way, last = draw(st.sampled_from(known))
        holder = value
        for step in way:
            holder = holder[step]
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[last]
        else:
            strange = draw(STRANGE)
            is_path = last in PATHS or (way and way[-1] in PATHS)
            holder[last] = 7 if is_path and isinstance(strange, str | list) else strange
    return value


def we_take(method: str, value: Any) -> bool:
    try:
        read(BY_METHOD[method], value)
    except RpcError:
        return False
    return True


def sdk_takes(method: str, value: Any) -> bool:
    for model in SDK_MODELS.get(method, (REQUESTS[method],)):
        try:
            getattr(sdk, model).model_validate(value)
        except pydantic.ValidationError:
            continue
        return True
    return False


def has_blocks(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("prompt"), list)


def lacks_content(block: Any) -> bool:
    """Whether it is a resource with neither text nor blob, which we refuse when the prompt is read whole."""
    resource = block.get("resource") if isinstance(block, dict) else None
    if not isinstance(resource, dict):
        return False
    return not any(isinstance(resource.get(key), str) for key in ("text", "blob"))


def is_lenient_matter(method: str, value: Any) -> bool:
    """Whether it is about what clients leave out or send as null, and we take: lists, a boolean's type."""
    if method == "session/set_config_option":
        return isinstance(value, dict) and isinstance(value.get("value"), bool)
    if method == "session/prompt":
        return any(lacks_content(block) for block in value["prompt"]) if has_blocks(value) else False
    if not isinstance(value, dict) or "mcpServers" not in DEFINITIONS[REQUESTS[method]]["properties"]:
        return False
    servers = value.get("mcpServers")
    return servers is None or any(
        isinstance(server, dict) and server.get(name) is None
        for server in (servers if isinstance(servers, list) else [])
        for name in ("args", "env", "headers")
    )


@pytest.mark.parametrize("method", sorted(REQUESTS))
@given(st.data())
def test_we_and_the_official_sdk_take_the_same_payloads(method: str, data: st.DataObject) -> None:
    value = data.draw(damaged(method))
    by_schema, by_sdk = SCHEMA.violations(REQUESTS[method], value) == [], sdk_takes(method, value)
    if by_schema == by_sdk and not is_lenient_matter(method, value):
        assert we_take(method, value) == by_schema
