"""The runs of a session as a program sees them: the engine's records, and what was told of each."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

import anyio
import msgspec

from acp_agent.base.clock import Clock
from acp_agent.base.ids import SessionId, TurnId
from acp_agent.engine.runs import Retention, RunLog, RunStatus
from acp_agent.engine.runs import RunSnapshot as Record
from acp_agent.engine.verification.status import reports_in
from acp_agent.model import events
from acp_agent.model.limits import LimitHit
from acp_agent.sdk.embed.errors import MaxToolRoundsExceeded, RunFailed
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.events.mapper import EventMapper
from acp_agent.sdk.embed.events.messages import Message
from acp_agent.sdk.embed.options.budget import failure_of
from acp_agent.sdk.embed.runs.records import (
    ActiveTool,
    RetentionLimits,
    RunEventRecord,
    RunPhase,
    RunSnapshot,
    milliseconds,
    phase_after,
)
from acp_agent.sdk.embed.runs.results import AgentResult, TokenUsage

LEAVE_TIME = 5.0
"""Seconds that whoever waits no more for a run waits for its end."""


class Feed:
    """The events of a run that one reader has not read yet."""

    def __init__(self) -> None:
        self._unread: deque[AgentEvent] = deque()
        self._ended = False
        self._news = anyio.Event()

    def put(self, event: AgentEvent) -> None:
        """There is one more."""
        self._unread.append(event)
        self._announce()

    def end(self) -> None:
        """There will be no more."""
        self._ended = True
        self._announce()

    async def next(self) -> AgentEvent | None:
        """The next one, or None if there are no more."""
        while not self._unread:
            if self._ended:
                return None
            await self._news.wait()
        return self._unread.popleft()

    def _announce(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class Run:
    """One run. `ended` is set when everything of it is told and saved.

    `carried` is the run that this one goes on with; `past` the history it is about, if that is not the
    session's.
    """

    def __init__(
        self,
        run_id: str,
        book: RunBook,
        prompt: str,
        *,
        past: Sequence[events.Event] | None = None,
        carried: RunSnapshot | None = None,
    ) -> None:
        self.id = run_id
        self.turn_id: TurnId | None = None  # what the engine calls it, once it has begun
        self.prompt = prompt
        self.past = past
        self.journal: list[events.Event] = []
        self.error: RunFailed | None = None
        self.over = anyio.Event()  # the engine is done with it
        self.ended = anyio.Event()
        self.round_done = anyio.Event()  # set when all calls of an answer have returned
        self.checkpoint: anyio.Event | None = None  # of the last such round; set when it is saved
        self.records: deque[RunEventRecord] = deque(maxlen=book.limits.max_events_per_run)
        self.active: dict[str, ActiveTool] = {}
        self._book = book
        self._carried = carried
        self._n_open = 0  # calls that have not returned
        self._record: Record | None = None
        self._limit: LimitHit | None = None  # that ends it
        self._mapper = EventMapper(book.session_id)
        self._began = self._last = book.clock()
        self._n_told = 0
        self._phase: RunPhase = "created"
        self._closing: list[AgentEvent] = []
        self._feeds: weakref.WeakSet[Feed] = weakref.WeakSet()

    def open_feed(self) -> Feed:
        """What is told of it from now on."""
        feed = Feed()
        self._feeds.add(feed)
        return feed

    def take(self, event: events.Event, record: Record, *, restored: bool) -> None:
        """An event of the journal, and what the engine knows of the run after it."""
        self.journal.append(event)
        self._record = record
        if isinstance(event, LimitHit) and event.kind == "hard":
            self._limit = event
        if isinstance(event, events.TurnStarted):
            self._began = self._last = event.at
        if isinstance(event, events.CallRequested | events.CallAnswered):
            self._n_open += 1 if isinstance(event, events.CallRequested) else -1
            if not self._n_open:
                self.checkpoint = anyio.Event()
                self.round_done.set()
        told = list(self._mapper.take(event, record))
        if isinstance(event, events.TurnEnded):
            self._last = event.at
            self.error = self._failure(event)
            self._closing = told
            self.over.set()
            return
        for one in told:
            self.prompt = self.prompt or one.prompt or ""
            self.tell(one, self._last if restored else None)
        if restored and isinstance(event, events.PermissionDecided) and event.decision != "dismissed":
            # live, it is told by whoever waits for the answer
            allowed = event.decision.startswith("allow")
            self.tell(
                AgentEvent("confirmation_received", tool_id=event.call_id, approved=allowed), self._last
            )

    def tell(self, event: AgentEvent, at: datetime | None = None) -> None:
        """Something happens in it; `at` is when, if not now."""
        at = at or self._book.clock()
        now = milliseconds(at)
        self._last = max(self._last, at)
        self.records.append(RunEventRecord(self._n_told, now, event))
        self._n_told += 1
        self._phase = phase_after(event.event_type, self._phase)
        if event.event_type == "tool_execution_start" and event.tool_id:
            self.active[event.tool_id] = ActiveTool(event.tool_id, event.tool_name or "", now)
        elif event.event_type == "tool_end" and event.tool_id:
            self.active.pop(event.tool_id, None)
        for feed in self._feeds:
            feed.put(event)

    def fail(self, exc: Exception) -> None:
        """It cannot go on, for a reason that nobody has foreseen."""
        if not self.ended.is_set():
            self.error = RunFailed(f"the run failed: {type(exc).__name__}: {exc}", run_id=self.id)
            self.over.set()
            self.end()

    def end(self) -> None:
        """Tell its end; nothing follows."""
        if self.error is not None:
            usage = self._closing[-1].usage if self._closing else None
            self._closing = [
                AgentEvent("error", error=str(self.error), error_kind=self.error.code, usage=usage)
            ]
        for event in self._closing:
            text = None if event.text is None else self._book.clean(event.text)
            self.tell(msgspec.structs.replace(event, text=text), self._last)
        self.active.clear()
        self.ended.set()
        for feed in self._feeds:
            feed.end()

    async def leave(self, cancel: Callable[[], None]) -> None:
        """Nobody waits for it any more: cancel it if it goes on, and see its end; then another may begin."""
        if not self.over.is_set():
            cancel()
        with anyio.move_on_after(LEAVE_TIME, shield=True):
            await self.ended.wait()

    def result(self, messages: tuple[Message, ...] = ()) -> AgentResult:
        """How it ended.

        Raises:
            RunFailed: it failed.
        """
        if self.error is not None:
            raise self.error
        now, record = self.snapshot(), self._record
        return AgentResult(
            now.result_text,
            now.usage,
            now.tool_calls_count,
            stop_reason=(record.stop_reason if record else None) or "cancelled",
            run_id=self.id,
            messages=messages,
            verification_reports=tuple(reports_in(self.journal)),
        )

    def snapshot(self) -> RunSnapshot:
        """How it is now."""
        record, carried = self._record, self._carried
        status: RunStatus = "running"
        if self.ended.is_set():
            status = "failed" if self.error is not None or record is None else record.status
            if status == "running":
                status = "interrupted"
        usage = TokenUsage() if record is None else TokenUsage.of(record.usage)
        return RunSnapshot(
            self.id,
            self._book.session_id,
            status,
            self._phase if status == "running" else status,
            self.prompt,
            milliseconds(self._began),
            milliseconds(self._last),
            self._n_told,
            usage if carried is None else carried.usage.plus(usage),
            (record.n_calls if record else 0) + (carried.tool_calls_count if carried else 0),
            self._book.clean((record.result if record else None) or ""),
            None if self.error is None else str(self.error),
        )

    def _failure(self, ended: events.TurnEnded) -> RunFailed | None:
        if self._limit is not None and ended.stop_reason in ("max_tokens", "max_turn_requests"):
            return failure_of(self._limit, self.id)
        if ended.stop_reason == "max_turn_requests":
            return MaxToolRoundsExceeded(self._book.max_rounds, run_id=self.id)
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

    def __init__(self, session_id: SessionId, max_rounds: int, limits: RetentionLimits, clock: Clock) -> None:
        self.session_id = session_id
        self.max_rounds = max_rounds
        self.limits = limits
        self.clock = clock
        self.clean: Callable[[str], str] = str  # what results say passes it
        self.current: Run | None = None
        self._log = RunLog(Retention(limits.max_runs_retained, limits.max_events_per_run))
        self._runs: dict[str, Run] = {}

    def open(
        self,
        run_id: str,
        prompt: str,
        *,
        past: Sequence[events.Event] | None = None,
        carried: RunSnapshot | None = None,
    ) -> Run:
        """A run that is about to begin."""
        run = self._runs[run_id] = self.current = Run(run_id, self, prompt, past=past, carried=carried)
        return run

    def take(self, event: events.Event, *, restored: bool = False) -> None:
        """An event of the journal, told now or (restored) before."""
        run = self.current
        if run is None:
            return
        self._log.apply(event)
        if isinstance(event, events.TurnStarted):
            run.turn_id = event.turn_id
            self._drop()
        record = None if run.turn_id is None else self._log.get(run.turn_id)
        if record is not None:
            run.take(event, record, restored=restored)

    def restore(self, event: events.Event) -> None:
        """An event of the journal from before."""
        if isinstance(event, events.TurnStarted):
            self.settle()
            self.open(event.turn_id, "")
        self.take(event, restored=True)
        if self.current is not None and self.current.over.is_set():
            self.settle()

    def settle(self) -> None:
        """Nothing runs: what did was ended by the end of its process."""
        if self.current is not None:
            self.current.end()
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

    def _drop(self) -> None:
        """Forget the runs that the engine's records no longer have."""
        self._runs = {
            run_id: run
            for run_id, run in self._runs.items()
            if run.turn_id is None or self._log.get(run.turn_id) is not None
        }
