"""Whoever looks on at a session's work and may object to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.model.hook import HookAnswer, HookEvent, HookMatcher

HOOK_TIME = 30.0
"""Seconds a hook may take, unless it says otherwise."""

HOOK_PRIORITY = 100


class Occasion(msgspec.Struct, frozen=True):
    """What a hook is asked about; `roots` are the session's directories, the first its working directory."""

    event: HookEvent
    payload: JsonObject
    roots: tuple[Path, ...]

    def as_object(self) -> JsonObject:
        """The same for those outside."""
        return {"event_type": self.event, "payload": self.payload}


HookHandler: TypeAlias = Callable[[Occasion], Awaitable[HookAnswer]]
"""Answers; cancelled when its time is over. `HookFailed` says why there is no answer."""


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One hook of one event.

    Attributes:
        id: names it in messages; registering another one of this id replaces it.
        priority: those with a lower number are asked first, equal ones in the order they were registered.
        timeout: seconds it may take.
        on_failure: what its failing means; `block` counts only where something can be blocked.
    """

    id: str
    event: HookEvent
    handler: HookHandler
    matcher: HookMatcher = HookMatcher()
    priority: int = HOOK_PRIORITY
    timeout: float = HOOK_TIME
    on_failure: Literal["continue", "block"] = "continue"
