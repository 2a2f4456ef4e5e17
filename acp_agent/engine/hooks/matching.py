"""Which hooks an occasion is for."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

from acp_agent.base.ids import SessionId
from acp_agent.engine.permission.patterns import matches_glob, parse_pattern, path_matches
from acp_agent.engine.permission.rules import Rule, Rules, ToolUse
from acp_agent.model.hook import HOOK_EVENTS, TOOL_EVENTS, HookMatcher
from acp_agent.ports.hooks import Hook


def check_hook(hook: Hook) -> None:
    """Refuse a hook that could never be asked.

    Raises:
        ValueError: says which part of it is wrong.
    """
    if hook.event not in HOOK_EVENTS:
        raise ValueError(f"`event`: unknown value `{hook.event}`; choose one of: {', '.join(HOOK_EVENTS)}")
    if hook.timeout <= 0:
        raise ValueError("the time limit of a hook must be more than nothing")
    matcher = hook.matcher
    for name in ("tool", "path_pattern", "command_pattern"):
        if getattr(matcher, name) is not None and hook.event not in TOOL_EVENTS:
            raise ValueError(f"`{name}` is for {' and '.join(TOOL_EVENTS)} only, not for `{hook.event}`")
    for pattern in (matcher.path_pattern, matcher.command_pattern):
        if pattern is not None:
            parse_pattern(pattern)


def matches(
    matcher: HookMatcher, session_id: SessionId, use: ToolUse | None, roots: Collection[PurePath]
) -> bool:
    """Whether the occasion is what the matcher looks for; `use` is the call it is about, if it is about one.

    A command that cannot be seen whole, such as one with a substitution, is looked for generously.
    """
    if matcher.session is not None and not matches_glob(matcher.session, session_id, crossing=True):
        return False
    if matcher.tool is not None and (use is None or not _names(matcher.tool, use.tool)):
        return False
    if matcher.path_pattern is not None and (use is None or not _touches(matcher.path_pattern, use, roots)):
        return False
    return matcher.command_pattern is None or (use is not None and _runs(matcher.command_pattern, use, roots))


def _names(wanted: str, tool: str) -> bool:
    return any(Rule(one, one.strip().lower()).names(tool) for one in wanted.split("|"))


def _touches(pattern: str, use: ToolUse, roots: Collection[PurePath]) -> bool:
    wanted = parse_pattern(pattern)
    return any(path_matches(wanted, path, roots, strictly=False) for path in use.access.paths)


def _runs(pattern: str, use: ToolUse, roots: Collection[PurePath]) -> bool:
    if use.access.line is None:
        return False
    restricting = Rules(deny=(Rule(pattern, "*", parse_pattern(pattern)),))
    return restricting.judge(use, roots) is not None
