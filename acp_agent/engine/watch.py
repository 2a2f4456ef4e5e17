"""Who is to watch over a session, as settings and hosts say it."""

from __future__ import annotations

import msgspec

from acp_agent.engine.hooks.registry import HookRegistry
from acp_agent.model.limits import Limits
from acp_agent.ports.budget import BudgetGuard
from acp_agent.ports.hooks import Hook
from acp_agent.ports.lanes import Lanes


class Watch(msgspec.Struct, frozen=True):
    """Who is to watch over a session.

    Attributes:
        hooks: those of the settings.
        limits: those of the settings.
        registry: hooks that come and go; None makes the session one of its own.
        guards: asked besides the limits.
        lanes: where calls and requests queue; None for nowhere.
    """

    hooks: tuple[Hook, ...] = ()
    limits: Limits = Limits()
    registry: HookRegistry | None = None
    guards: tuple[BudgetGuard, ...] = ()
    lanes: Lanes | None = None
