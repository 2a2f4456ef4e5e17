"""Lists of permission rules in the heads of files, such as `tools: Read, Bash(git log:*)`."""

from __future__ import annotations

import re

from acp_agent.base.errors import ConfigError
from acp_agent.engine.permission.rules import parse_rule
from acp_agent.sdk.folders.front_matter import Document

_LISTED = re.compile(r"""["']?([^\s,"'()]+(?:\([^)]*\))?)["']?""")


def listed_rules(where: str, document: Document, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """The rules that are listed under one of the keys; None if none of them is there.

    Raises:
        ConfigError: one is not written as a rule; says `where`, and which key it is under.
    """
    for key in keys:
        if key in document.lists:
            texts = document.lists[key]
        elif key in document.head:
            listed = document.head[key].strip().removeprefix("[").removesuffix("]")
            if _LISTED.sub("", listed).strip(", \t"):
                raise ConfigError(f"`{where}`: `{key}`: `{listed}` is no list of tools")
            texts = tuple(_LISTED.findall(listed))
        else:
            continue
        for text in texts:
            try:
                parse_rule(text)
            except ValueError as exc:
                raise ConfigError(f"`{where}`: `{key}`: `{text}`: {exc}") from exc
        return texts
    return None
