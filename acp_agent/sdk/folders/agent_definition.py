"""One kind of subagent from the head and the text of its file, or from a program's words for the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeVar

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.model.subagent import AgentKind, Confirmation, KindRules
from acp_agent.sdk.folders.front_matter import Document, parse_table
from acp_agent.sdk.folders.listed import listed_rules
from acp_agent.sdk.folders.prompts import NAME, described

ALLOWED = ("tools", "allowed-tools", "allowed_tools", "allowedTools")
DENIED = ("disallowed-tools", "disallowed_tools", "disallowedTools")
STEPS = ("max_steps", "max-steps", "maxSteps")

MAX_STEPS = 50
"""Model requests of one task unless the file says something else."""

READING = ("read", "ls", "glob", "grep", "bash")


class Preset(msgspec.Struct, frozen=True):
    """What a definition has that names it as its `kind` and does not say otherwise."""

    max_steps: int
    tools: tuple[str, ...] | None = None
    read_only: bool = False


PRESETS: Mapping[str, Preset] = {
    "read_only": Preset(20, READING, read_only=True),
    "planner": Preset(30, READING, read_only=True),
    "implementer": Preset(50),
    "verifier": Preset(30, READING),
    "reviewer": Preset(25, READING, read_only=True),
    "custom": Preset(30),
}

_Ruling: TypeAlias = Literal["allow", "ask", "deny"]
_RULINGS: tuple[_Ruling, ...] = ("allow", "ask", "deny")
_CONFIRMATIONS: tuple[Confirmation, ...] = ("inherit_parent", "deny_on_ask", "auto_approve")

T = TypeVar("T")


def read_definition(document: Document, where: str, name: str) -> AgentKind:
    """The kind that a document defines; it is called `name` unless it says otherwise.

    Raises:
        ConfigError: it cannot be used; says `where`, and which key it is.
    """
    name = document.head.get("name") or name
    if not NAME.fullmatch(name):
        raise ConfigError(f"`{where}`: `name` may have letters, digits, `-`, `_` and `.` only")
    kind = _one_of(document, where, "kind", tuple(PRESETS))
    usual = PRESETS[kind] if kind else Preset(MAX_STEPS)
    confirmation: Confirmation | None = _one_of(document, where, "confirmation_inheritance", _CONFIRMATIONS)
    allowed = listed_rules(where, document, ALLOWED)
    denied = listed_rules(where, document, DENIED) or ()
    model = document.head.get("model", "")
    return AgentKind(
        name,
        described(document),
        document.body,
        tools=usual.tools if allowed is None else _names(allowed),
        denied_tools=tuple(text for text in denied if "(" not in text),
        read_only=_switch(document, where, ("read_only", "read-only"), usual=usual.read_only),
        model=model if "/" in model else "",  # other programs' short names for models mean nothing here
        max_steps=_steps(where, document, usual.max_steps),
        hidden=_switch(document, where, ("hidden",), usual=False),
        rules=_rules(where, document, allowed or (), denied),
        confirmation=confirmation or "inherit_parent",
    )


def _names(texts: tuple[str, ...]) -> tuple[str, ...] | None:
    """The tools that rules name; None for all."""
    if texts == ("*",):
        return None
    return tuple(dict.fromkeys(text.partition("(")[0].strip() for text in texts))


def _rules(where: str, document: Document, allowed: tuple[str, ...], denied: tuple[str, ...]) -> KindRules:
    """Patterns behind names of tools, and the rules of the table `permissions`."""
    narrow = any("(" in text for text in allowed)
    rules = KindRules(
        allow=allowed if narrow else (),
        deny=tuple(text for text in denied if "(" in text),
        default="deny" if narrow else None,
    )
    if "permissions" in document.head:
        raise ConfigError(f"`{where}`: `permissions`: must be a table of indented lines")
    if "permissions" not in document.tables:
        return rules
    try:
        table = parse_table(document.tables["permissions"])
    except ValueError as exc:
        raise ConfigError(f"`{where}`: `permissions`: {exc}") from exc
    for key in (*table.head, *table.lists):
        if key not in (*_RULINGS, "default_decision"):
            raise ConfigError(f"`{where}`: `permissions`: there is no `{key}`")
    allow, ask, deny = (listed_rules(where, table, (ruling,)) or () for ruling in _RULINGS)
    default: _Ruling | None = _one_of(table, where, "default_decision", _RULINGS)
    return KindRules((*rules.allow, *allow), ask, (*rules.deny, *deny), default or rules.default)


def _one_of(document: Document, where: str, key: str, choices: tuple[T, ...]) -> T | None:
    text = document.head.get(key)
    if text is None:
        return None
    for choice in choices:
        if text == choice:
            return choice
    raise ConfigError(f"`{where}`: `{key}`: `{text}` is none of {', '.join(map(str, choices))}")


def _switch(document: Document, where: str, keys: tuple[str, ...], *, usual: bool) -> bool:
    for key in keys:
        text = document.head.get(key)
        if text is not None:
            if text.lower() not in ("true", "false"):
                raise ConfigError(f"`{where}`: `{key}`: must be `true` or `false`")
            return text.lower() == "true"
    return usual


def _steps(where: str, document: Document, usual: int) -> int:
    for key in STEPS:
        text = document.head.get(key)
        if text is not None:
            if not text.isdecimal() or int(text) < 1:
                raise ConfigError(f"`{where}`: `{key}`: must be a number from 1 on")
            return int(text)
    return usual
