"""Hooks of a program: functions that are told of moments of a session, and may object."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from typing import Literal, TypeAlias, cast

import msgspec
from anyio import to_thread

from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.hooks.registry import HookRegistry
from acp_agent.model.hook import HookAnswer, HookEvent, HookMatcher
from acp_agent.ports.hooks import HOOK_PRIORITY, HOOK_TIME, Hook, HookHandler, Occasion
from acp_agent.sdk.command_hooks import answer_from
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.given import converted

HookReturn: TypeAlias = Mapping[str, object] | HookAnswer | None
HookFunction: TypeAlias = Callable[[JsonObject], HookReturn | Awaitable[HookReturn]]
"""Gets `{"event_type": …, "payload": {…}}`. None goes on; `{"action": "block", "reason": …}` objects;
`{"action": "skip"}` asks no further hook. A plain function is called in a thread."""


class HookConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a hook is asked.

    Attributes:
        priority: those with a lower number are asked first.
        timeout_ms: milliseconds it may take.
        on_failure: what its failing means where it could block: `continue` or `block`.
    """

    priority: int = HOOK_PRIORITY
    timeout_ms: float = HOOK_TIME * 1000
    on_failure: Literal["continue", "block"] = "continue"


class HookEngine:
    """Hooks by id; may be shared by several sessions, as their option `hook_engine`."""

    def __init__(self) -> None:
        self.registry = HookRegistry()

    def register(
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
        if handler is None:
            raise ConfigInvalid(f"hook `{id}`: there is no handler", hint="pass a function as `handler`")
        how = converted(config or {}, HookConfig, f"hook `{id}`: `config`")
        hook = Hook(
            id=id,
            event=cast("HookEvent", event),  # the registry refuses any other
            handler=_asking(handler),
            matcher=converted(matcher or {}, HookMatcher, f"hook `{id}`: `matcher`"),
            priority=how.priority,
            timeout=how.timeout_ms / 1000,
            on_failure=how.on_failure,
        )
        try:
            self.registry.register(hook)
        except ValueError as exc:
            raise ConfigInvalid(f"hook `{id}`: {exc}") from exc

    def unregister(self, id: str) -> bool:
        """Ask it no more; False if there is none of this id."""
        return self.registry.unregister(id)

    def hook_count(self) -> int:
        """How many there are."""
        return len(self.registry)


def _asking(handler: HookFunction) -> HookHandler:
    async def ask(occasion: Occasion) -> HookAnswer:
        event = deepcopy(occasion.as_object())  # what a handler changes in it is not what is done
        if inspect.iscoroutinefunction(handler):
            returned = handler(event)
        else:
            returned = await to_thread.run_sync(handler, event, abandon_on_cancel=True)
        answer = await returned if inspect.isawaitable(returned) else returned
        return answer if isinstance(answer, HookAnswer) else answer_from(answer)

    return ask
