"""An event loop in a thread of its own, for programs that have none or do not want to wait in theirs."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import ParamSpec, TypeVar, cast

import anyio

from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.errors import AgentClosed

P = ParamSpec("P")
T = TypeVar("T")

END_TIME = 10.0
"""Seconds that the end of the program waits for the sessions to be closed."""

LEAVE_TIME = 6.0
"""Seconds that an interrupted call waits for what it began to end; a second interruption ends the wait."""


class LoopThread:
    """Runs an agent until it is told to stop. Must not know the façade, whose end ends it."""

    def __init__(self, agent: AsyncAgent) -> None:
        self.agent = agent
        self._process = os.getpid()
        self._over = False
        self._started: Future[anyio.Event] = Future()
        # It must not keep the program from ending; `shut` is called at its end.
        self._thread = threading.Thread(target=self._run, name="acp-agent", daemon=True)
        self._thread.start()
        self._stop = self._started.result()

    @property
    def is_over(self) -> bool:
        """Whether the loop has ended, or never was: a process that was forked off has none of its threads."""
        return self._over or self._process != os.getpid()

    def call(self, function: Callable[P, Awaitable[T] | T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function, or the coroutine it makes, returns in the loop; interrupting it cancels it.

        Raises:
            AgentClosed: the loop has ended.
            RuntimeError: called in the loop itself, or in a process that was forked off.
        """
        if self._process != os.getpid():
            raise RuntimeError(
                "the agent is in the process this one was forked from; create one after `fork`"
            )
        if self._over:
            raise AgentClosed
        ended = threading.Event()
        try:
            future: Future[T] = self.agent.portal.start_task_soon(_called, function, args, kwargs, ended)
        except RuntimeError:
            if threading.current_thread() is self._thread:
                raise
            raise AgentClosed from None  # it is just ending
        try:
            return future.result()
        except BaseException:
            if future.cancel():  # it was this thread that was interrupted
                ended.wait(LEAVE_TIME)
            raise

    def shut(self) -> None:
        """End the loop, and wait for that unless this is the loop."""
        if self.is_over:
            return
        if threading.current_thread() is self._thread:
            self._stop.set()
            return
        self._over = True
        with suppress(RuntimeError):  # it is just ending by itself
            self.agent.portal.start_task_soon(self._stop.set)
        self._thread.join(END_TIME)

    def _run(self) -> None:
        try:
            anyio.run(self._live)
        except BaseException as exc:
            if self._started.done():
                raise
            self._started.set_exception(exc)
        finally:
            self._over = True

    async def _live(self) -> None:
        async with self.agent:
            stop = anyio.Event()
            self._started.set_result(stop)
            await stop.wait()


async def _called(
    function: Callable[..., Awaitable[T] | T],
    args: tuple[object, ...],
    kwargs: dict[str, object],
    ended: threading.Event,
) -> T:
    try:
        returned = function(*args, **kwargs)
        return cast("T", await returned if isinstance(returned, Awaitable) else returned)
    finally:
        ended.set()
