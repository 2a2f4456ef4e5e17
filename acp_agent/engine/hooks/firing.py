"""Asking hooks one after another. Whatever a hook does, asking it ends in time and never raises."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

import anyio

from acp_agent.base.errors import FOREIGN_FAILURES, HookFailed
from acp_agent.model.hook import CONTINUE, HookAnswer, HookEvent
from acp_agent.ports.hooks import Hook, Occasion

logger = logging.getLogger(__name__)

CAN_BLOCK: tuple[HookEvent, ...] = ("pre_tool_use", "generate_start", "pre_prompt", "skill_load")
"""Where blocking keeps something from happening."""

MAX_REASON = 2_000
"""Characters of a reason that are passed on."""


async def ask_hooks(
    hooks: Iterable[Hook], occasion: Occasion, warn: Callable[[Hook, str], Awaitable[None]]
) -> HookAnswer:
    """What they say together: the first that blocks decides; after one that skips nobody is asked.

    `warn` is told of each hook that gave no answer, and why.
    """
    for hook in sorted(hooks, key=lambda hook: hook.priority):
        answer = await _ask(hook, occasion, warn)
        if answer.action == "block":
            reason = answer.reason.strip()[:MAX_REASON] or "it gave no reason"
            logger.debug("hook `%s` blocks `%s`: %s", hook.id, occasion.event, reason)
            return HookAnswer("block", reason)
        if answer.action == "skip":
            break
    return CONTINUE


async def _ask(hook: Hook, occasion: Occasion, warn: Callable[[Hook, str], Awaitable[None]]) -> HookAnswer:
    failure = f"it took longer than {hook.timeout:g} s"
    try:
        with anyio.move_on_after(hook.timeout):
            return await hook.handler(occasion)
    except HookFailed as exc:
        failure = str(exc)
    except FOREIGN_FAILURES as exc:
        logger.exception("hook `%s` failed", hook.id)
        failure = f"it raised `{type(exc).__name__}`"
    await warn(hook, failure)
    if hook.on_failure == "block" and occasion.event in CAN_BLOCK:
        return HookAnswer("block", f"the hook `{hook.id}` has to agree, and could not be asked: {failure}")
    return CONTINUE
