"""The queue of one session: its calls and requests, each in the lane of its kind."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, assert_never

import anyio

from acp_agent.base.ids import SessionId, random_id
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.subagents.kinds import NOT_FOR_SUBAGENTS
from acp_agent.model.permission import Effect
from acp_agent.model.toolcall import ToolOutcome, failed
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.queue.config import LANES, Lane, SessionQueueConfig
from acp_agent.sdk.embed.queue.external import ExternalTasks
from acp_agent.sdk.embed.queue.lane import LaneQueue
from acp_agent.sdk.embed.queue.records import DeadLetter, QueueStats

if TYPE_CHECKING:
    from acp_agent.ports.lanes import Lanes

MAX_DEAD_LETTERS = 100


class SessionQueue:
    """Lets work pass as `config` says; `tell` tells the program of it."""

    def __init__(self, config: SessionQueueConfig, tell: Callable[[AgentEvent], None]) -> None:
        self.config = config
        self.external = ExternalTasks(tell)
        self.dead_letters: list[DeadLetter] = []
        self.lanes = {
            lane: LaneQueue(lane, config.max_concurrency(lane), config.rate_limit, self._pressed)
            for lane in LANES
        }
        self._tell = tell

    @property
    def stats(self) -> QueueStats:
        """How all lanes are now."""
        lanes = {name: lane.stats for name, lane in self.lanes.items()}
        return QueueStats(
            sum(lane.pending for lane in lanes.values()),
            sum(lane.active for lane in lanes.values()),
            len(self.external.pending()),
            {**lanes},
        )

    async def run_call(
        self,
        session_id: SessionId,
        tool: str,
        arguments: JsonObject,
        effect: Effect,
        run: Callable[[], Awaitable[ToolOutcome]],
    ) -> ToolOutcome:
        """The outcome of a permitted call, run by whoever handles its lane.

        One that gets no answer in time is tried again if it changes nothing, and given up in the end. Calls
        that wait for subagents or the user are in nobody's way.
        """
        if tool in NOT_FOR_SUBAGENTS:
            return await run()
        lane = self.lanes[lane_of(tool, effect)]
        command_id, attempt = random_id("command"), 0
        while True:
            attempt += 1
            async with lane.turn():
                outcome = await self._attempt(session_id, lane, tool, arguments, run)
            if outcome is not None:
                return outcome
            delay = self.config.retry_policy.delay_ms(attempt) if lane.lane == "query" else None
            if delay is None:
                return self._give_up(command_id, tool, lane, attempt)
            lane.metrics.retried += 1
            self._tell_of(
                "command_retry", command_id, tool, lane.lane, {"attempt": attempt, "delay_ms": delay}
            )
            await anyio.sleep(delay / 1000)

    @asynccontextmanager
    async def generating(self) -> AsyncGenerator[None]:
        """The turn of one model request."""
        lane = self.lanes["generate"]
        async with lane.turn():
            begun = anyio.current_time()
            yield
            lane.metrics.completed += 1
            lane.metrics.total_ms += round((anyio.current_time() - begun) * 1000)

    async def _attempt(
        self,
        session_id: SessionId,
        lane: LaneQueue,
        tool: str,
        arguments: JsonObject,
        run: Callable[[], Awaitable[ToolOutcome]],
    ) -> ToolOutcome | None:
        """The outcome of one try; None if there was none in time."""
        timeout_ms = lane.handler.timeout_ms or self.config.timeout_ms(lane.lane)
        begun = anyio.current_time()
        outcome: ToolOutcome | None = None
        match lane.handler.mode:
            case "external":
                outcome = await self.external.ask(session_id, lane.lane, tool, arguments, timeout_ms)
            case "internal":
                with anyio.move_on_after(timeout_ms / 1000):
                    outcome = await run()
            case "hybrid":
                task = self.external.announce(session_id, lane.lane, tool, arguments, timeout_ms)
                try:
                    with anyio.move_on_after(timeout_ms / 1000):
                        outcome = await run()
                finally:
                    self.external.conclude(task, success=outcome is not None and not outcome.is_error)
            case _:
                assert_never(lane.handler.mode)
        self._count(lane, outcome, anyio.current_time() - begun)
        return outcome

    def _count(self, lane: LaneQueue, outcome: ToolOutcome | None, seconds: float) -> None:
        lane.metrics.total_ms += round(seconds * 1000)
        if outcome is None:
            lane.metrics.timed_out += 1
        elif outcome.is_error:
            lane.metrics.failed += 1
        else:
            lane.metrics.completed += 1

    def _give_up(self, command_id: str, tool: str, lane: LaneQueue, attempts: int) -> ToolOutcome:
        error = f"`{tool}` got no answer in the lane `{lane.lane}` within its time"
        if self.config.has("dlq"):
            self.dead_letters.append(DeadLetter(command_id, tool, lane.lane, error, attempts))
            del self.dead_letters[:-MAX_DEAD_LETTERS]
            self._tell_of(
                "command_dead_lettered",
                command_id,
                tool,
                lane.lane,
                {"error": error, "attempts": attempts},
            )
        return failed(f"{error}; its effect is unknown. Check before repeating it.")

    def _pressed(self, lane: Lane, n_waiting: int) -> None:
        threshold = self.config.pressure_threshold
        if not self.config.has("alerts") or n_waiting not in (threshold, 2 * threshold):
            return
        level = "warning" if n_waiting == threshold else "critical"
        message = f"{n_waiting} calls wait in the lane `{lane}`"
        self._tell(
            AgentEvent(
                "queue_alert",
                text=message,
                data={"level": level, "alert_type": "pressure", "message": message},
            )
        )

    def _tell_of(self, kind: str, command_id: str, tool: str, lane: Lane, more: JsonObject) -> None:
        data: JsonObject = {"command_id": command_id, "command_type": tool, "lane": lane, **more}
        self._tell(AgentEvent(kind, data=data))


def lane_of(tool: str, effect: Effect) -> Lane:
    """The lane of a call: by what it may do; pages of the web are only read."""
    match effect:
        case "none":
            return "control"
        case "read":
            return "query"
        case "write" | "execute":
            return "execute"
        case "other":
            return "query" if tool.startswith("web_") else "execute"


if TYPE_CHECKING:
    _: type[Lanes] = SessionQueue
