"""The events of one run, for `for` without an event loop and for `async for` within any."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import anyio
from anyio import to_thread

from acp_agent.sdk.embed.blocking.loop_thread import LoopThread
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.runs.results import AgentResult
from acp_agent.sdk.embed.runs.streams import AsyncEventStream, NextEvent


class EventStream:
    """Yields each event once. Leaving the loop before the end cancels the run."""

    def __init__(self, stream: AsyncEventStream, loop: LoopThread, session: object) -> None:
        self._stream = stream
        self._loop = loop
        self._session = session  # which lives as long as one of its streams

    @property
    def run_id(self) -> str:
        """The run, for `run_snapshot`, `run_events` and `cancel_run`."""
        return self._stream.run_id

    def __iter__(self) -> Generator[AgentEvent]:
        try:
            while (event := self.next_event()) is not None:
                yield event
        finally:
            self.close()

    async def __aiter__(self) -> AsyncGenerator[AgentEvent]:
        try:
            while True:
                event = await to_thread.run_sync(self.next_event, abandon_on_cancel=True)
                if event is None:
                    return
                yield event
        finally:
            with anyio.CancelScope(shield=True):  # bounded by the stream's own limit
                await to_thread.run_sync(self.close)

    def next(self) -> NextEvent:
        """The next event, and whether there are no more."""
        event = self.next_event()
        return NextEvent(event, event is None)

    def next_event(self) -> AgentEvent | None:
        """The next event, or None after the last one."""
        return None if self._loop.is_over else self._loop.call(self._stream.next_event)

    def result(self) -> AgentResult:
        """Wait for the end of the run; how it ended.

        Raises:
            RunFailed: it failed.
        """
        return self._loop.call(self._stream.result)

    def close(self) -> None:
        """Read no more; a run that still goes on is cancelled, and its end awaited."""
        if not self._loop.is_over:
            self._loop.call(self._stream.aclose)
