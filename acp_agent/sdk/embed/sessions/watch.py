"""Who watches over a session on behalf of its program: hooks and a budget guard."""

from __future__ import annotations

from collections.abc import Mapping

from acp_agent.model.hook import HookMatcher
from acp_agent.sdk.embed.options.budget import BudgetGuard
from acp_agent.sdk.embed.options.hook_engine import HookConfig, HookFunction
from acp_agent.sdk.embed.sessions.base import SessionBase


class SessionWatch(SessionBase):
    """Lets the program watch."""

    def register_hook(
        self,
        id: str,
        event: str,
        matcher: HookMatcher | Mapping[str, object] | None = None,
        config: HookConfig | Mapping[str, object] | None = None,
        handler: HookFunction | None = None,
    ) -> None:
        """Ask `handler` at this event from now on, in place of one of the same id.

        Raises:
            ConfigInvalid: there is no handler, no such event, or the hook could never be asked.
        """
        self._check_open()
        self._opened.hooks.register(id, event, matcher, config, handler)

    def unregister_hook(self, id: str) -> bool:
        """Ask it no more; False if there is none of this id."""
        return self._opened.hooks.unregister(id)

    def hook_count(self) -> int:
        """How many hooks the program has registered; those of the settings are not counted."""
        return self._opened.hooks.hook_count()

    def set_budget_guard(self, guard: BudgetGuard | None) -> None:
        """Ask this guard from the next request on, in place of the one before; None for nobody."""
        self._check_open()
        self._opened.use_budget_guard(guard)
