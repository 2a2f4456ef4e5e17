"""Hooks: the moments of a session at which others may look on or object, and what they may answer."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

HookEvent: TypeAlias = Literal[
    "pre_tool_use",
    "post_tool_use",
    "generate_start",
    "generate_end",
    "session_start",
    "session_end",
    "skill_load",
    "skill_unload",
    "pre_prompt",
    "post_response",
    "on_error",
]
HOOK_EVENTS: tuple[HookEvent, ...] = (
    "pre_tool_use",
    "post_tool_use",
    "generate_start",
    "generate_end",
    "session_start",
    "session_end",
    "skill_load",
    "skill_unload",
    "pre_prompt",
    "post_response",
    "on_error",
)
"""Every moment there is."""

TOOL_EVENTS: tuple[HookEvent, ...] = ("pre_tool_use", "post_tool_use")
"""Those about a tool call, which can be narrowed down by tool, path and command."""

HookAction: TypeAlias = Literal["continue", "skip", "block"]
"""`skip` asks no further hook, `block` objects."""


class HookAnswer(msgspec.Struct, frozen=True):
    """What a hook says; `reason` is told to the model or the user when it blocks."""

    action: HookAction = "continue"
    reason: str = ""


CONTINUE = HookAnswer()


class HookMatcher(msgspec.Struct, frozen=True, kw_only=True):
    """Which occasions of its event a hook is asked about: those that everything that is set matches.

    Attributes:
        tool: names of tools in any case, with `*`; several are joined by `|`.
        path_pattern: a pattern as in permission rules, for one of the files that a call reads or changes.
        command_pattern: one for a command anywhere in the shell line that a call runs.
        session: the session's id, with `*`.
    """

    tool: str | None = None
    path_pattern: str | None = None
    command_pattern: str | None = None
    session: str | None = None
