"""What version 1 of the protocol is told about this agent. Standard library only.

A capability stands here only if it is wired; tests drive each one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acp_agent.base.jsontext import JsonObject

VERSION = 1

AGENT_METHOD: JsonObject = {
    "id": "configured",
    "name": "Use the configured model",
    "description": "Uses the key or local server `acp-agent doctor` names; the embedded model needs none.",
}

TERMINAL_METHOD: JsonObject = {
    "type": "terminal",
    "id": "login",
    "name": "Enter an API key",
    "description": "Opens a terminal that asks for a provider and its key.",
    "args": ["login"],
}


def agent_capabilities() -> JsonObject:
    """The `agentCapabilities` object."""
    # Prompt capabilities are told once, before any model is chosen. Pictures reach every model, if only as a
    # note that they were left out; sounds reach few, and a prompt that holds one is refused by the others.
    return {
        "loadSession": True,
        "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
        "mcpCapabilities": {"http": True, "sse": True},
        "sessionCapabilities": {
            "list": {},
            "resume": {},
            "close": {},
            "delete": {},
            "additionalDirectories": {},
        },
        "auth": {"logout": {}},
    }


def auth_methods(*, terminal: bool) -> list[JsonObject]:
    """Ways to authenticate; the terminal one only for clients that can open a terminal for it."""
    return [AGENT_METHOD, TERMINAL_METHOD] if terminal else [AGENT_METHOD]
