"""Calling what a program gave us: its methods may be coroutines or plain."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, cast

from anyio import to_thread

from acp_agent.base.errors import FOREIGN_FAILURES, SessionInUse
from acp_agent.sdk.embed.errors import PersistenceFailed

T = TypeVar("T")


async def called(method: Callable[..., T | Awaitable[T]], *args: object) -> T:
    """What a store's method returns, whether it is a coroutine or plain; a plain one is called in a thread.

    Raises:
        PersistenceFailed: it failed.
    """
    try:
        if inspect.iscoroutinefunction(method):
            returned = method(*args)
        else:
            returned = await to_thread.run_sync(partial(method, *args))
        return await returned if inspect.isawaitable(returned) else cast("T", returned)
    except (PersistenceFailed, SessionInUse):
        raise
    except FOREIGN_FAILURES as exc:
        raise PersistenceFailed(f"the session store failed: {exc}") from exc
