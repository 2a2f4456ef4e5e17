"""What version 1 of the protocol is told about this agent. Standard library only.

A capability stands here only if it is wired; tests drive each one.
"""

from __future__ import annotations

import os
import sys
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

TERMINAL_AUTH = "terminal-auth"
"""The member of `_meta` by which login commands were told before there were terminal methods."""

RESULT_META: JsonObject = {"steering": {"supported": True}}
"""`_meta` of the answer to `initialize`: `_session/steering` is served."""

_PLACES = ("ACP_AGENT_HOME", "XDG_DATA_HOME")  # where a login must leave the key for this process to find it


def agent_capabilities() -> JsonObject:
    """The `agentCapabilities` object."""
    # Prompt capabilities are told once, before any model is chosen. Pictures reach every model, if only as a
    # note that they were left out; sounds reach few, and a prompt that holds one is refused by the others.
    return {
        "loadSession": True,
        "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
        "mcpCapabilities": {"http": True, "sse": True, "acp": True},
        "sessionCapabilities": {
            "list": {},
            "resume": {},
            "close": {},
            "delete": {},
            "additionalDirectories": {},
            "fork": {},
            "archive": {},
            "status": {},
            "title": {},
            "systemPrompt": {"mode": {"override": {}}},
        },
        "auth": {"logout": {}, "status": {}},
        "providers": {},
        # By this convention `session/fork` is told the message at which the fork begins.
        "_meta": {"jetbrains": {"air": {"fork": {"version": 1, "inclusive": True}}}},
    }


def auth_methods(*, terminal: bool, command: bool) -> list[JsonObject]:
    """Ways to authenticate.

    The `terminal` one is only for clients that can run our own command once more with its `args`, or
    (`command`) the whole command that they are told; some can do both.
    """
    if not terminal and not command:
        return [AGENT_METHOD]
    method = dict(TERMINAL_METHOD)
    if command:
        method["_meta"] = {TERMINAL_AUTH: login_command()}
    if not terminal:
        del method["type"], method["args"]
    return [AGENT_METHOD, method]


def login_command() -> JsonObject:
    """How to run `acp-agent login` for this process: the same program, leaving keys in the same place."""
    script = os.path.abspath(sys.argv[0])
    name = os.path.basename(script)
    if name.removesuffix(".exe") == "acp-agent" and os.access(script, os.X_OK):
        command, args = script, ["login"]
    else:
        command, args = sys.executable, ["-P", "-m", "acp_agent", "login"]
    return {
        "label": "acp-agent login",
        "command": command,
        "args": [*args],
        "env": {place: os.environ[place] for place in _PLACES if place in os.environ},
    }
