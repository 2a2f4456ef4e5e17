"""Run records: every prompt of a session is a run, folded from the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import TurnId
from acp_agent.engine.rewind.messages import first_words
from acp_agent.model import events
from acp_agent.model.chat import Usage
from acp_agent.model.planning import AskedAside
from acp_agent.model.session import StopReason

RunStatus: TypeAlias = Literal["running", "completed", "failed", "cancelled", "interrupted"]
"""`interrupted` was cut off by the end of its process."""


class RunSnapshot(msgspec.Struct, frozen=True):
    """One prompt and what came of it; times are UTC.

    Attributes:
        id: that of its turn.
        status: `interrupted` if the process ended before the turn did; that is found when the session is
            opened again, until then it is `running`.
        prompt: the beginning of what the user said, in one line.
        ended_at: None while it runs.
        stop_reason: why it ended, None while it runs.
        result: the last message of the model, whole; None while there is none.
        error: why it failed, for people.
        n_events: how many events it recorded so far, dropped ones included.
        usage: tokens of all of its model requests so far.
        n_calls: how many tools the model asked for so far.
    """

    id: TurnId
    status: RunStatus
    prompt: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    stop_reason: StopReason | None = None
    result: str | None = None
    error: str | None = None
    n_events: int = 0
    usage: Usage = Usage()
    n_calls: int = 0


class Retention(msgspec.Struct, frozen=True):
    """How much is kept at most, None for everything. What was first goes first; a running run stays."""

    max_runs: int | None = None
    max_events_per_run: int | None = None


EVERYTHING = Retention()


class RunEvent(msgspec.Struct, frozen=True):
    """An event of a run; `sequence` counts from 0 and goes on counting when earlier ones are dropped."""

    sequence: int
    event: events.Event


class RunLog:
    """A running fold; `apply` takes the events of one session in journal order."""

    def __init__(self, retention: Retention = EVERYTHING) -> None:
        self._retention = retention
        self._runs: dict[TurnId, RunSnapshot] = {}
        self._current: TurnId | None = None
        self._said: list[str] = []  # of the last message
        self._message: str | None = None

    @property
    def runs(self) -> tuple[RunSnapshot, ...]:
        """The runs that are kept, oldest first."""
        return tuple(self._runs.values())

    @property
    def current(self) -> RunSnapshot | None:
        """The run that goes on, or None."""
        return None if self._current is None else self._runs[self._current]

    def get(self, run_id: TurnId) -> RunSnapshot | None:
        """The run of this id, None if it is unknown or no longer kept."""
        return self._runs.get(run_id)

    def apply(self, event: events.Event) -> None:
        """Take one event in."""
        if isinstance(event, events.TurnStarted):
            if self.current is not None:  # its end was lost
                self._runs[self.current.id] = msgspec.structs.replace(self.current, status="interrupted")
            self._current, self._message, self._said = event.turn_id, None, []
            self._runs[event.turn_id] = RunSnapshot(event.turn_id, "running", "", event.at, event.at)
            self._drop()
        run = self.current
        if run is None:
            return
        run = msgspec.structs.replace(run, n_events=run.n_events + 1)
        match event:
            case events.UserSaid(_, content) | events.CommandGiven(_, content) if not run.prompt:
                run = msgspec.structs.replace(run, prompt=first_words(content))
            case events.TextChunk(message_id, text):
                if message_id != self._message:
                    self._message, self._said = message_id, []
                self._said.append(text)
            case events.CommandAnswered(message_id, text):
                self._message, self._said = message_id, [text]
            case events.CallRequested():
                run = msgspec.structs.replace(run, n_calls=run.n_calls + 1)
            case events.StepEnded(_, usage) | events.PlanningTold(AskedAside(usage)):
                run = msgspec.structs.replace(run, usage=_sum(run.usage, usage))
            case events.TurnEnded(_, stop_reason, at, fault):
                run = msgspec.structs.replace(
                    run,
                    status=status_after(stop_reason),
                    stop_reason=stop_reason,
                    updated_at=at,
                    ended_at=at,
                    result="".join(self._said) if self._said else None,
                    error=None if fault is None else fault.message,
                )
                self._current = None
            case _:
                pass
        self._runs[run.id] = run

    def _drop(self) -> None:
        allowed = self._retention.max_runs
        while allowed is not None and len(self._runs) > max(allowed, 1):
            del self._runs[next(iter(self._runs))]


async def runs(
    journal: AsyncIterable[events.Event], retention: Retention = EVERYTHING
) -> tuple[RunSnapshot, ...]:
    """The runs of a session with these events, oldest first."""
    log = RunLog(retention)
    async for event in journal:
        log.apply(event)
    return log.runs


async def run_snapshot(journal: AsyncIterable[events.Event], run_id: TurnId) -> RunSnapshot | None:
    """One run, None if there is none of this id."""
    return next((run for run in await runs(journal) if run.id == run_id), None)


async def run_events(
    journal: AsyncIterable[events.Event],
    run_id: TurnId,
    *,
    start: int = 0,
    retention: Retention = EVERYTHING,
) -> AsyncIterator[RunEvent]:
    """The events of a run from number `start` on, its beginning and end included; none for an unknown one.

    They are given as they are read, unless so many are kept at most: then the last of them, at the end.
    """
    found = _events_of(journal, run_id, start)
    if retention.max_events_per_run is None:
        async for one in found:
            yield one
        return
    kept: deque[RunEvent] = deque(maxlen=max(retention.max_events_per_run, 0))
    async for one in found:
        kept.append(one)
    for one in kept:
        yield one


async def _events_of(
    journal: AsyncIterable[events.Event], run_id: TurnId, start: int
) -> AsyncIterator[RunEvent]:
    sequence = -1
    async for event in journal:
        if isinstance(event, events.TurnStarted):
            if sequence >= 0:
                return
            sequence = 0 if event.turn_id == run_id else -1
        elif sequence >= 0:
            sequence += 1
        if sequence >= max(start, 0):
            yield RunEvent(sequence, event)
        if sequence >= 0 and isinstance(event, events.TurnEnded):
            return


def status_after(stop_reason: StopReason) -> RunStatus:
    """How a run is that ended for this reason."""
    match stop_reason:
        case "cancelled" | "interrupted":
            return stop_reason
        case "error":
            return "failed"
        case "end_turn" | "max_tokens" | "max_turn_requests" | "refusal":
            return "completed"


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(*(getattr(one, name) + getattr(other, name) for name in Usage.__struct_fields__))
