"""The queue of a session, as its program looks at it and works for it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.given import converted
from acp_agent.sdk.embed.queue.config import LaneHandler, check_lane
from acp_agent.sdk.embed.queue.external import ExternalResult
from acp_agent.sdk.embed.queue.records import DeadLetter, ExternalTask, LaneMetrics, QueueStats
from acp_agent.sdk.embed.sessions.base import SessionBase


class SessionLanes(SessionBase):
    """Lets the program see the queue, and run calls itself."""

    @property
    def has_queue(self) -> bool:
        """Whether its work queues in lanes, as `queue_config` says."""
        return self._opened.queue is not None

    def set_lane_handler(self, lane: str, handler: LaneHandler | Mapping[str, object]) -> None:
        """Say who runs the calls of a lane: `{"mode": "external", "timeout_ms": 30000}` is the program.

        Raises:
            ConfigInvalid: the session has no queue, there is no such lane, or the handler cannot be used.
        """
        self._check_open()
        queue = self._opened.queue
        if queue is None:
            raise ConfigInvalid("the session has no queue", hint="set `queue_config`")
        name = check_lane(lane)
        wanted = converted(handler, LaneHandler, "`handler`")
        if name == "generate" and wanted.mode != "internal":
            raise ConfigInvalid("model requests are made here; set `llm_client` to answer them")
        queue.lanes[name].handler = wanted

    def pending_external_tasks(self) -> list[ExternalTask]:
        """The calls that wait for the program to run them."""
        queue = self._opened.queue
        return [] if queue is None else queue.external.pending()

    def complete_external_task(self, task_id: str, result: ExternalResult | Mapping[str, object]) -> bool:
        """Say what became of a call: `{"success": True, "result": {"output": "done", "exit_code": 0}}`.

        False if none of this id waits any more.

        Raises:
            ConfigInvalid: the result cannot be used.
        """
        queue = self._opened.queue
        return queue is not None and queue.external.complete(task_id, result)

    def queue_stats(self) -> QueueStats:
        """How all lanes are now; nothing without a queue."""
        queue = self._opened.queue
        return QueueStats() if queue is None else queue.stats

    def queue_metrics(self) -> dict[str, LaneMetrics] | None:
        """What went through each lane so far; None unless it is counted."""
        queue = self._opened.queue
        if queue is None or not queue.config.has("metrics"):
            return None
        return {name: copy(lane.metrics) for name, lane in queue.lanes.items()}

    def dead_letters(self) -> list[DeadLetter]:
        """The calls that got no answer, if they are kept; at most the last hundred."""
        queue = self._opened.queue
        return [] if queue is None else list(queue.dead_letters)
