"""One lane: so much of it goes on at once, the rest waits in order."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from acp_agent.sdk.embed.queue.config import Lane, LaneHandler, RateLimit
from acp_agent.sdk.embed.queue.records import LaneMetrics, LaneStats


class LaneQueue:
    """The calls of one lane. `pressed` is told how many wait, whenever one more does."""

    def __init__(self, lane: Lane, width: int, rate: RateLimit, pressed: Callable[[Lane, int], None]) -> None:
        self.lane: Lane = lane
        self.handler = LaneHandler()
        self.metrics = LaneMetrics()
        self._slots = anyio.Semaphore(width)
        self._width = width
        self._rate = rate
        self._begun: deque[float] = deque(maxlen=rate.max_operations)
        self._pressed = pressed
        self._n_waiting = 0
        self._n_active = 0

    @property
    def stats(self) -> LaneStats:
        """How it is now."""
        return LaneStats(self.lane, self._n_waiting, self._n_active, self._width, self.handler.mode)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a place, then hold it."""
        self._n_waiting += 1
        self._pressed(self.lane, self._n_waiting)
        try:
            await self._slots.acquire()
        finally:
            self._n_waiting -= 1
        self._n_active += 1
        try:
            await self._keep_to_rate()
            yield
        finally:
            self._n_active -= 1
            self._slots.release()

    async def _keep_to_rate(self) -> None:
        if not self._rate.seconds:
            return
        while len(self._begun) == self._begun.maxlen:
            wait = self._begun[0] + self._rate.seconds - anyio.current_time()
            if wait <= 0:
                break
            await anyio.sleep(wait)
        self._begun.append(anyio.current_time())
