"""What we read of each method's parameters against what the protocol's schema says, member by member.

Both sides are flattened to paths such as `session/prompt prompt[]<image>.data` with the JSON types a value
may have and whether it must be there. Every difference is listed below with its reason; any other is drift.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.params import BY_METHOD
from acp_agent.surface.v1.router import Router

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL: dict[str, Any] = json.loads((ROOT / "schema/v1/schema.unstable.json").read_bytes())["$defs"]
OURS: dict[str, Any] = json.loads((ROOT / "schema/v1/ours.json").read_bytes())
METHODS: list[dict[str, Any]] = json.loads((ROOT / "schema/v1/methods.json").read_bytes())

WITHOUT_PARAMS = {"initialize", "logout", "auth/status", "providers/list"}
"""Methods of which nothing is read, or, for `initialize`, read by the standard library alone."""

KNOWN: dict[str, str] = {
    r" mcpServers: may be absent": "some clients leave it out; an absent list is an empty one",
    r" mcpServers\[\](<\w+>)?\.(args|command|env|headers|url|serverId): may be absent": (
        "which of them a server needs follows from its type and is checked once that is known"
    ),
    r"\.resource\.(text|blob): may be absent": "one of the two must be there, which is checked",
    r" systemPrompt\.content\[\]<(image|audio|resource|resource_link)>": (
        "a system prompt is text; other content is refused by name"
    ),
    r" <boolean>\.type: not read": "the value says itself whether it is a boolean",
    r"\b(_meta|annotations)\b.*: not read": (
        "trace context is taken by the connection; whatever annotations say, all content is for the model"
    ),
}
"""Every difference, as an expression, and why it is meant."""


class Member(NamedTuple):
    """What one member may be."""

    types: frozenset[str]
    required: bool
    values: frozenset[str] = frozenset()  # constants, where only these may stand


def official(method: str) -> dict[str, Member]:
    row = next(
        row
        for row in METHODS
        if row["method"] == method and row["side"] == "agent" and row["kind"] == "request"
    )
    return dict(flat({"$ref": f"#/$defs/{row['params']}"}, OFFICIAL, ""))


def ours(method: str) -> dict[str, Member]:
    return dict(flat(OURS[method], OURS[method].get("$defs", {}), ""))


def flat(node: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[tuple[str, Member]]:
    """Every member below this node."""
    for place, arm in arms(node, definitions):
        required = set(arm.get("required", ()))
        for name, inner in arm.get("properties", {}).items():
            here = f"{path}{place}.{name}".lstrip(".")
            yield here, Member(types(inner, definitions), name in required, values(inner))
            yield from flat(inner, definitions, here)
        if "items" in arm:
            yield from flat(arm["items"], definitions, f"{path}[]")


def arms(node: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The alternatives of a node with their tags, references followed and parts joined."""
    if "$ref" in node:
        yield from arms(definitions[node["$ref"].rpartition("/")[2]], definitions)
        return
    joined = {"properties": dict(node.get("properties", {})), "required": list(node.get("required", ()))}
    if "items" in node:
        joined["items"] = node["items"]
    for part in node.get("allOf", ()):
        for _, inner in arms(part, definitions):
            joined["properties"] |= inner.get("properties", {})
            joined["required"] += inner.get("required", ())
            if "items" in inner:
                joined["items"] = inner["items"]
    alternatives = node.get("oneOf") or node.get("anyOf")
    if not alternatives:
        yield "", joined
        return
    for alternative in alternatives:
        for place, arm in arms(alternative, definitions):
            properties = {**joined["properties"], **arm["properties"]}
            required = [*joined["required"], *arm["required"]]
            yield place or tag(properties), {**arm, "properties": properties, "required": required}


def tag(properties: dict[str, Any]) -> str:
    found = [inner["const"] for inner in properties.values() if isinstance(inner, dict) and "const" in inner]
    return f"<{found[0]}>" if found else ""


def values(node: dict[str, Any]) -> frozenset[str]:
    """The constants a member is restricted to, if it is."""
    return frozenset(node.get("enum", [node["const"]] if "const" in node else []))


def types(node: dict[str, Any], definitions: dict[str, Any]) -> frozenset[str]:
    """The JSON types a value may have."""
    if "$ref" in node:
        return types(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if "type" in node:
        named = node["type"]
        return frozenset([named] if isinstance(named, str) else named)
    inner = [*node.get("oneOf", ()), *node.get("anyOf", ()), *node.get("allOf", ())]
    return frozenset[str]().union(*(types(arm, definitions) for arm in inner))


def differences(method: str) -> Iterator[str]:
    theirs, mine = official(method), ours(method)
    for path, member in theirs.items():
        read = mine.get(path) or mine.get(untagged(path))
        if read is None:
            yield f"{method} {path}: not read"
            continue
        if member.types - read.types:
            yield f"{method} {path}: does not take {', '.join(sorted(member.types - read.types))}"
        if read.values and member.values - read.values:
            yield f"{method} {path}: does not take {', '.join(sorted(member.values - read.values))}"
        if member.required and not read.required and not member.values:
            yield f"{method} {path}: may be absent"
        if read.required and not member.required:
            yield f"{method} {path}: must be there"
    known = {*theirs, *map(untagged, theirs)}
    for path in mine:
        if path not in known:
            yield f"{method} {path}: unknown to the protocol"


def untagged(path: str) -> str:
    """The path in a model that reads all alternatives as one."""
    return re.sub(r"<\w+>\.?", "", path) if path.startswith("<") else re.sub(r"<\w+>", "", path)


def is_known(difference: str) -> bool:
    return any(re.search(expression, difference) for expression in KNOWN)


def all_differences() -> list[str]:
    return [found for method in OURS if not method.startswith("_") for found in differences(method)]


def test_the_exported_models_are_the_ones_in_use() -> None:
    script = ROOT / "schema/ours.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True, cwd=ROOT)


def test_every_method_served_has_a_model_or_nothing_to_read() -> None:
    nobody: Any = None
    offer = ClientOffer(plans=True)  # a client that knows the drafts
    served = {method for method in Router(nobody, nobody, offer).handlers() if not method.startswith("_")}
    assert served - WITHOUT_PARAMS == {method for method in BY_METHOD if not method.startswith("_")}


def test_nothing_has_drifted_from_the_protocol() -> None:
    assert [difference for difference in all_differences() if not is_known(difference)] == []


def test_every_known_difference_is_still_one() -> None:
    found = "\n".join(all_differences())
    assert [expression for expression in KNOWN if not re.search(expression, found)] == []
