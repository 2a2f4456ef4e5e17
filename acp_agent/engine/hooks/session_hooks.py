"""The hooks of one session: those of the settings, and those that a program registered."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.hooks.firing import ask_hooks
from acp_agent.engine.hooks.matching import matches
from acp_agent.engine.hooks.registry import HookRegistry
from acp_agent.engine.permission.rules import ToolUse
from acp_agent.model import events
from acp_agent.model.hook import CONTINUE, HookAnswer, HookEvent
from acp_agent.ports.hooks import Hook, Occasion

RECENT_CALLS = 10
"""Names of tools that ran last, told to hooks."""

INTERNAL = "acp_agent."
"""What labels begin with that are no program's."""


class SessionHooks:
    """Asks the hooks of one session.

    Args:
        labels: of the session's record; every payload has them.
        roots: the session's directories now.
        tell: told what the user should know of hooks.
    """

    def __init__(
        self,
        session_id: SessionId,
        labels: Callable[[], Mapping[str, str]],
        *,
        configured: tuple[Hook, ...],
        registry: HookRegistry,
        roots: Callable[[], tuple[Path, ...]],
        tell: Callable[[events.Noticed], Awaitable[None]],
    ) -> None:
        self.configured = configured
        self.registry = registry
        self.recent_tools: deque[str] = deque(maxlen=RECENT_CALLS)
        self.n_calls = 0
        self._session_id = session_id
        self._labels = labels
        self._roots = roots
        self._tell = tell
        self._told: set[tuple[str, str]] = set()

    @property
    def armed(self) -> bool:
        """Whether there is any hook."""
        return bool(self.configured) or bool(self.registry)

    async def ask(
        self, event: HookEvent, facts: Callable[[], JsonObject], use: ToolUse | None = None
    ) -> HookAnswer:
        """What the hooks say to this; `facts` are put together only if there is a hook for it."""
        roots = self._roots()
        asked = [
            hook
            for hook in (*self.configured, *self.registry.hooks)
            if hook.event == event and matches(hook.matcher, self._session_id, use, roots)
        ]
        if not asked:
            return CONTINUE
        labels = {name: said for name, said in self._labels().items() if not name.startswith(INTERNAL)}
        payload: JsonObject = {**labels, "session_id": self._session_id, **facts()}
        return await ask_hooks(asked, Occasion(event, payload, roots), self._warn)

    @property
    def working_directory(self) -> str:
        """Where the session works."""
        return str(self._roots()[0])

    async def _warn(self, hook: Hook, failure: str) -> None:
        if (hook.id, failure) in self._told:
            return
        self._told.add((hook.id, failure))
        await self._tell(
            events.Noticed("warning", f"The hook `{hook.id}` gave no answer to `{hook.event}`", failure)
        )
