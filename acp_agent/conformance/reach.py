"""Reaching into JSON values that may have any shape: what is not there, or of another kind, is nothing."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject, JsonValue


def at(value: JsonValue, *path: str) -> JsonValue:
    """What lies at the end of these keys, or None."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def has(value: JsonValue, *path: str) -> bool:
    """Whether the last of these keys is there and not null."""
    return at(value, *path) is not None


def text_at(value: JsonValue, *path: str) -> str:
    """The string there, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def object_at(value: JsonValue, *path: str) -> JsonObject:
    """The object there, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def objects_at(value: JsonValue, *path: str) -> list[JsonObject]:
    """The objects in the list there; other items are left out."""
    found = at(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
