"""What a session's work consisted of: its runs, model requests and tool calls, each with how long it took."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import anyio
import msgspec

from acp_agent.base.clock import Clock
from acp_agent.base.jsontext import JsonObject
from acp_agent.base.trace import Attributes, Note, Tracer
from acp_agent.sdk.embed.runs.records import milliseconds


class TraceEvent(msgspec.Struct, frozen=True):
    """A piece of work that is over. It never holds what was said.

    Attributes:
        sequence: counts from 0, also when earlier ones are dropped.
        name: such as `invoke_agent acp-agent`, `chat gpt-5` or `execute_tool read`.
        started_at_ms: milliseconds since 1970, UTC.
        duration_ms: how long it took.
        attributes: by the names that OpenTelemetry gives them; the session's labels too.
        error: the kind of error it ended with; None if with none.
    """

    sequence: int
    name: str
    started_at_ms: int
    duration_ms: float
    attributes: JsonObject
    error: str | None = None


class TraceLog:
    """The last pieces of work of one session, `limit` of them or (None) all."""

    def __init__(self, clock: Clock, limit: int | None, labels: Callable[[], Mapping[str, str]]) -> None:
        self.clock = clock
        self._labels = labels
        self._n = 0
        self._events: deque[TraceEvent] = deque(maxlen=limit)

    @property
    def events(self) -> list[TraceEvent]:
        """Them, in the order they ended."""
        return list(self._events)

    def add(
        self, name: str, started_at_ms: int, duration: float, attributes: JsonObject, error: str | None
    ) -> None:
        """One more is over, after `duration` seconds."""
        shown: JsonObject = {**attributes, **self._labels()}
        self._events.append(TraceEvent(self._n, name, started_at_ms, round(duration * 1000, 3), shown, error))
        self._n += 1


class LoggingTracer(Tracer):
    """Keeps in a log what another tracer is asked to tell of."""

    def __init__(self, inner: Tracer, log: TraceLog) -> None:
        self._inner = inner
        self._log = log

    @contextmanager
    def span(self, name: str, attributes: Attributes) -> Generator[Note]:
        """As the other does."""
        told: JsonObject = dict(attributes)
        error: str | None = None
        started, began = milliseconds(self._log.clock()), anyio.current_time()
        try:
            with self._inner.span(name, attributes) as note:

                def note_both(more: Attributes) -> None:
                    told.update(more)
                    note(more)

                yield note_both
        except BaseException as exc:
            error = type(exc).__name__
            raise
        finally:
            self._log.add(name, started, anyio.current_time() - began, told, error)

    async def aclose(self) -> None:
        """Do nothing: the other tracer belongs to the agent."""
