"""Hooks that come and go while a session lives."""

from __future__ import annotations

from acp_agent.engine.hooks.matching import check_hook
from acp_agent.ports.hooks import Hook


class HookRegistry:
    """Hooks by id. Several sessions may have the same."""

    def __init__(self) -> None:
        self._hooks: dict[str, Hook] = {}

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """Those there are now, in the order they were registered."""
        return tuple(self._hooks.values())

    def __len__(self) -> int:
        return len(self._hooks)

    def register(self, hook: Hook) -> None:
        """Ask it from now on, in place of one of the same id.

        Raises:
            ValueError: it could never be asked.
        """
        check_hook(hook)
        self._hooks[hook.id] = hook

    def unregister(self, hook_id: str) -> bool:
        """Ask it no more; False if there is none of this id."""
        return self._hooks.pop(hook_id, None) is not None
