"""The runs of a session: one for each prompt, folded from its journal, live or restored."""

from __future__ import annotations

from collections import deque
from datetime import datetime

import anyio
import msgspec

from acp_agent.base.ids import SessionId, TurnId
from acp_agent.engine.runs import RunStatus, status_after
from acp_agent.model import events
from acp_agent.model.session import StopReason
from acp_agent.sdk.embed.agent_event import AgentEvent
from acp_agent.sdk.embed.errors import MaxToolRoundsExceeded, RunFailed
from acp_agent.sdk.embed.event_mapper import EventMapper
from acp_agent.sdk.embed.messages import Message
from acp_agent.sdk.embed.results import AgentResult, TokenUsage


class RunSnapshot(msgspec.Struct, frozen=True):
    """A run as it is at one moment.

    Attributes:
        event_count: how many events it has had.
        created_at_ms, updated_at_ms: milliseconds since 1970, UTC.
        result_text: what the model said last.
        error: why it failed.
    """

    id: str
    session_id: str
    status: RunStatus
    prompt: str
    created_at_ms: int
    updated_at_ms: int
    event_count: int
    usage: TokenUsage
    tool_calls_count: int
    result_text: str = ""
    error: str | None = None


class Run:
    """One run. `ended` is set when everything of it is told and saved."""

    def __init__(self, run_id: TurnId, session_id: SessionId, max_rounds: int, prompt: str = "") -> None:
        self.id = run_id
        self.prompt = prompt
        self.events: list[AgentEvent] = []
        self.stop_reason: StopReason | None = None
        self.error: RunFailed | None = None
        self.over = anyio.Event()  # the engine is done with it
        self.ended = anyio.Event()
        self._session_id = session_id
        self._max_rounds = max_rounds
        self._mapper = EventMapper(session_id, max_rounds)
        self._started: datetime | None = None
        self._last: datetime | None = None
        self._closing: list[AgentEvent] = []
        self._news = anyio.Event()

    @property
    def status(self) -> RunStatus:
        """How it is."""
        if not self.ended.is_set() or self.stop_reason is None:
            return "running"
        return "failed" if self.error is not None else status_after(self.stop_reason)

    def take(self, event: events.Event) -> None:
        """An event of the journal."""
        if isinstance(event, events.TurnStarted):
            self._started = self._last = event.at
        told = list(self._mapper.take(event))
        if isinstance(event, events.TurnEnded):
            self._last = event.at
            self.stop_reason = event.stop_reason
            self.error = self._failure(event)
            self._closing = told
            self.over.set()
            return
        for one in told:
            self.prompt = one.prompt if one.prompt and not self.prompt else self.prompt
            self.tell(one)

    def tell(self, event: AgentEvent) -> None:
        """Something that is not in the journal, such as a question."""
        self.events.append(event)
        self._announce()

    def fail(self, error: RunFailed) -> None:
        """It is being ended because of this."""
        self.error = error
        self._closing = [
            AgentEvent("error", error=str(error), error_kind=error.code, usage=self._mapper.usage)
        ]

    def end(self) -> None:
        """Tell its end; nothing follows."""
        for event in self._closing:
            self.tell(event)
        self.ended.set()
        self._announce()

    async def wait_event(self, number: int) -> AgentEvent | None:
        """The event of this number, the first is 0; None if the run ended before."""
        while number >= len(self.events):
            if self.ended.is_set():
                return None
            await self._news.wait()
        return self.events[number]

    def result(self, messages: tuple[Message, ...] = ()) -> AgentResult:
        """How it ended.

        Raises:
            RunFailed: it failed.
        """
        if self.error is not None:
            raise self.error
        return AgentResult(
            self._mapper.text,
            self._mapper.usage,
            self._mapper.n_calls,
            stop_reason=self.stop_reason or "cancelled",
            run_id=self.id,
            messages=messages,
        )

    def snapshot(self) -> RunSnapshot:
        """How it is now."""
        return RunSnapshot(
            self.id,
            self._session_id,
            self.status,
            self.prompt,
            _milliseconds(self._started),
            _milliseconds(self._last),
            len(self.events),
            self._mapper.usage,
            self._mapper.n_calls,
            self._mapper.text,
            None if self.error is None else str(self.error),
        )

    def _announce(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    def _failure(self, ended: events.TurnEnded) -> RunFailed | None:
        if self.error is not None:
            return self.error
        if ended.stop_reason == "max_turn_requests":
            return MaxToolRoundsExceeded(self._max_rounds, run_id=self.id)
        fault = ended.fault
        if fault is None:
            return None
        return RunFailed(
            fault.message,
            run_id=self.id,
            code=fault.fault,
            provider=fault.provider,
            status=fault.status,
            retry_after=fault.retry_after,
            hint=fault.hint,
        )


class RunBook:
    """All runs of a session, the oldest first. At most one of them is running."""

    def __init__(self, session_id: SessionId, max_rounds: int) -> None:
        self._session_id = session_id
        self._max_rounds = max_rounds
        self._runs: dict[str, Run] = {}
        self.current: Run | None = None

    def open(self, run_id: TurnId, prompt: str) -> Run:
        """A run that is about to begin."""
        run = self._runs[run_id] = self.current = Run(run_id, self._session_id, self._max_rounds, prompt)
        return run

    def take(self, event: events.Event) -> None:
        """An event of the journal, told now."""
        if self.current is not None:
            self.current.take(event)

    def restore(self, event: events.Event) -> None:
        """An event of the journal from before."""
        if isinstance(event, events.TurnStarted):
            self.open(event.turn_id, "")
        run = self.current
        if run is None:
            return
        run.take(event)
        if run.over.is_set():
            run.end()
            self.current = None

    def get(self, run_id: str) -> Run | None:
        """The run of this id."""
        return self._runs.get(run_id)

    def snapshots(self) -> list[RunSnapshot]:
        """All runs as they are now."""
        return [run.snapshot() for run in self._runs.values()]

    def latest(self) -> Run | None:
        """The run that began last."""
        newest = deque(self._runs.values(), maxlen=1)
        return newest[0] if newest else None


def _milliseconds(at: datetime | None) -> int:
    return 0 if at is None else round(at.timestamp() * 1000)
