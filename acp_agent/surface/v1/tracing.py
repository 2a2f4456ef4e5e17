"""The trace that our own requests to the client belong to."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.base.trace import current_trace


def in_trace(params: JsonObject) -> JsonObject:
    """The params with the current trace in their `_meta`; as they are if there is none."""
    entries = current_trace().entries()
    return {**params, "_meta": {**entries}} if entries else params
