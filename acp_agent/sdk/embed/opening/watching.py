"""The options about who watches over a session, as the engine takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.watch import Watch
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.budget import BudgetGuard, HostGuard
from acp_agent.sdk.embed.options.hook_engine import HookEngine
from acp_agent.sdk.embed.queue.config import SessionQueueConfig
from acp_agent.sdk.embed.queue.session_queue import SessionQueue


def watched(
    defaults: Defaults, hooks: HookEngine, guard: BudgetGuard | None, lanes: SessionQueue | None
) -> Defaults:
    """The defaults with these hooks, this guard and this queue besides what the settings say."""
    watch = msgspec.structs.replace(
        defaults.watch or Watch(),
        registry=hooks.registry,
        guards=() if guard is None else (HostGuard(guard),),
        lanes=lanes,
    )
    return msgspec.structs.replace(defaults, watch=watch)


def timed(defaults: Defaults, max_execution_time_ms: int | None) -> Defaults:
    """The defaults with this limit on the time of a run; the settings' own holds too."""
    if max_execution_time_ms is None:
        return defaults
    watch = defaults.watch or Watch()
    seconds, settled = max_execution_time_ms / 1000, watch.limits.max_seconds_per_prompt
    limits = msgspec.structs.replace(
        watch.limits, max_seconds_per_prompt=seconds if settled is None else min(seconds, settled)
    )
    return msgspec.structs.replace(defaults, watch=msgspec.structs.replace(watch, limits=limits))


def queue_of(
    config: SessionQueueConfig | Mapping[str, object] | None, tell: Callable[[AgentEvent], None]
) -> SessionQueue | None:
    """The queue of a session with this configuration; None without one.

    Raises:
        ConfigInvalid: it cannot be used.
    """
    return None if config is None else SessionQueue(SessionQueueConfig.of(config), tell)
