"""Everything the schema lets an agent and a client say to each other, as keys a requirement can cover.

method:agent:session/new        a request or notification and who receives it
update:plan                     a kind of session update
capability:agent:loadSession    a member of a capabilities object, by its path
variant:ContentBlock:image      an arm of a tagged union
value:StopReason:refusal        a value of an enumeration
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).resolve().parents[2] / "schema" / "v1"

UNIONS = {
    "ContentBlock": "type",
    "ToolCallContent": "type",
    "McpServer": "type",
    "AuthMethod": "type",
    "RequestPermissionOutcome": "outcome",
    "CreateElicitationRequest": "mode",
    "CreateElicitationResponse": "action",
    "PlanUpdateContent": "type",
}
ENUMERATIONS = (
    "StopReason",
    "ToolKind",
    "ToolCallStatus",
    "PermissionOptionKind",
    "PlanEntryStatus",
    "PlanEntryPriority",
    "NoticeSeverity",
    "CompactionStatus",
)


def protocol_items() -> frozenset[str]:
    """All keys, of the schema with its drafts."""
    definitions = json.loads((SCHEMA / "schema.unstable.json").read_bytes())["$defs"]
    return frozenset(_items(definitions))


def _items(definitions: dict[str, Any]) -> Iterator[str]:
    for row in json.loads((SCHEMA / "methods.json").read_bytes()):
        yield f"method:{row['side']}:{row['method']}"
    for update in definitions["SessionUpdate"]["oneOf"]:
        yield f"update:{update['properties']['sessionUpdate']['const']}"
    for side in ("Agent", "Client"):
        for path in _capabilities(definitions, definitions[f"{side}Capabilities"]):
            yield f"capability:{side.lower()}:{path}"
    for name, tag in UNIONS.items():
        for value in _tags(definitions[name], tag):
            yield f"variant:{name}:{value}"
    for name in ENUMERATIONS:
        for arm in definitions[name].get("oneOf") or definitions[name]["anyOf"]:
            if "const" in arm:  # an open arm takes what later versions add
                yield f"value:{name}:{arm['const']}"


def _capabilities(definitions: dict[str, Any], node: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, member in node.get("properties", {}).items():
        if name == "_meta":
            continue
        here = f"{path}.{name}".lstrip(".")
        inner = _described(definitions, member)
        deeper = list(_capabilities(definitions, inner, here))
        yield from deeper or [here]


def _described(definitions: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for arm in (node, *node.get("allOf", ()), *node.get("anyOf", ())):
        if "$ref" in arm:
            return definitions[arm["$ref"].rpartition("/")[2]]
    return node


def _tags(node: dict[str, Any], tag: str) -> Iterator[str]:
    for arm in node.get("oneOf") or node.get("anyOf") or ():
        value = arm.get("properties", {}).get(tag, {}).get("const")
        if value is None and ("not" in arm or "$ref" not in str(arm)):
            continue  # an open arm takes what later versions add
        yield "untagged" if value is None else value
