"""The events of one run, for `async for`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.runs.results import AgentResult
from acp_agent.sdk.embed.runs.session_runs import Run


class NextEvent(NamedTuple):
    """What `next` returns: an event, or that there are no more."""

    value: AgentEvent | None
    done: bool


class AsyncEventStream:
    """Yields each event once. Leaving the loop before the end cancels the run.

    A stream that is never read lets its run go on to its end.
    """

    def __init__(self, run: Run, cancel: Callable[[], None], result: Callable[[Run], AgentResult]) -> None:
        self._run = run
        self._feed = run.open_feed()
        self._cancel = cancel
        self._result = result
        self._closed = False

    @property
    def run_id(self) -> str:
        """The run, for `run_snapshot`, `run_events` and `cancel_run`."""
        return self._run.id

    async def __aiter__(self) -> AsyncGenerator[AgentEvent]:
        try:
            while (event := await self.next_event()) is not None:
                yield event
        finally:
            await self.aclose()

    async def next(self) -> NextEvent:
        """The next event, and whether there are no more."""
        event = await self.next_event()
        return NextEvent(event, event is None)

    async def next_event(self) -> AgentEvent | None:
        """The next event, or None after the last one."""
        return None if self._closed else await self._feed.next()

    async def result(self) -> AgentResult:
        """Wait for the end of the run; how it ended.

        Raises:
            RunFailed: it failed.
        """
        await self._run.ended.wait()
        return self._result(self._run)

    async def aclose(self) -> None:
        """Read no more; a run that still goes on is cancelled, and its end awaited."""
        self._closed = True
        await self._run.leave(self._cancel)
