"""Hooks of the settings: a command is asked, and answers with how it ends and what it prints.

It is given the occasion as a JSON object on its input. Ending with 0 goes on, with 2 blocks for the reason on
its error output, with anything else is a failure. Ending with 0 it may print `{"action": …, "reason": …}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from acp_agent.base.errors import HookFailed, WorkspaceError
from acp_agent.base.jsontext import InvalidJson, dump, load
from acp_agent.model.hook import CONTINUE, HookAnswer
from acp_agent.ports.hooks import Hook, HookHandler, Occasion
from acp_agent.sdk.settings.hooks import HookTable, hook_from
from acp_agent.workspaces.environment import child_environment
from acp_agent.workspaces.exchange import MAX_ANSWER, Exchange, exchange
from acp_agent.workspaces.sandbox import Limits, Sandbox
from acp_agent.workspaces.starting import Command

BLOCKS = 2
"""The exit code that blocks."""

MAX_SHOWN = 200

_OBJECT = re.compile(r"^[^\S\n]*\{", re.MULTILINE)


def command_hooks(tables: Sequence[HookTable], env: Mapping[str, str], sandbox: Sandbox) -> tuple[Hook, ...]:
    """The hooks that the settings name; their commands see `env` without its secrets, confined as any."""

    @lru_cache(maxsize=8)  # each has a temporary directory
    def limits_of(roots: tuple[Path, ...]) -> Limits:
        return Limits(sandbox, roots)

    return tuple(hook_from(table, _asking(table, child_environment(env), limits_of)) for table in tables)


def _asking(
    table: HookTable, env: Mapping[str, str], limits_of: Callable[[tuple[Path, ...]], Limits]
) -> HookHandler:
    async def ask(occasion: Occasion) -> HookAnswer:
        command = Command(table.command, occasion.roots[0], env, limits_of(occasion.roots))
        try:
            said = await exchange(command, dump(occasion.as_object()), timeout=table.timeout)
        except (WorkspaceError, OSError) as exc:
            raise HookFailed(f"it could not be run: {exc}") from exc
        return _read(said, table.timeout)

    return ask


def _read(said: Exchange, timeout: float) -> HookAnswer:
    result = said.result
    complaint = said.complaints.strip()
    if result.timed_out:
        raise HookFailed(f"it took longer than {timeout:g} s")
    if result.exit_code == BLOCKS:
        return HookAnswer("block", complaint or result.output.strip())
    if result.exit_code != 0:
        how = f"with code {result.exit_code}" if result.signal is None else f"by {result.signal}"
        shown = f": {complaint.splitlines()[0][:MAX_SHOWN]}" if complaint else ""
        raise HookFailed(f"it ended {how}{shown}")
    if result.truncated:
        raise HookFailed(f"it printed more than {MAX_ANSWER} characters")
    return _printed(result.output)


def _printed(output: str) -> HookAnswer:
    """The object that begins a line, with which the output ends; what is printed before it does not count."""
    begins = _OBJECT.search(output)
    if begins is None:
        return CONTINUE
    try:
        answer = load(output[begins.start() :].encode(errors="replace"))
    except InvalidJson as exc:
        raise HookFailed(f"it printed JSON that cannot be read: {exc}") from exc
    return answer_from(answer)


def answer_from(answer: object) -> HookAnswer:
    """The answer written as an object with `action` and `reason`; without an `action` it goes on.

    Raises:
        HookFailed: it is no object, or there is no such action.
    """
    if answer is None:
        return CONTINUE
    if not isinstance(answer, Mapping):
        raise HookFailed(f"it answered with `{type(answer).__name__}`, not with an object")
    said: Mapping[object, object] = answer  # pyright: ignore[reportUnknownVariableType]
    action, reason = said.get("action") or "continue", said.get("reason") or ""
    if action not in ("continue", "skip", "block"):
        raise HookFailed(f"it answered with the unknown action `{str(action)[:MAX_SHOWN]}`")
    return HookAnswer(action, str(reason))
