"""The queue of a blocking session. `SessionLanes` says more of each method."""

from __future__ import annotations

from collections.abc import Mapping

from acp_agent.sdk.embed.blocking.base import BlockingBase
from acp_agent.sdk.embed.queue.config import LaneHandler
from acp_agent.sdk.embed.queue.external import ExternalResult
from acp_agent.sdk.embed.queue.records import DeadLetter, ExternalTask, LaneMetrics, QueueStats


class BlockingLanes(BlockingBase):
    """Lets the program see the queue, and run calls itself."""

    @property
    def has_queue(self) -> bool:
        """Whether its work queues in lanes, as `queue_config` says."""
        return self._inner.has_queue

    def set_lane_handler(self, lane: str, handler: LaneHandler | Mapping[str, object]) -> None:
        """Say who runs the calls of a lane: `{"mode": "external", "timeout_ms": 30000}` is the program."""
        self._look(self._inner.set_lane_handler, lane, handler)

    def pending_external_tasks(self) -> list[ExternalTask]:
        """The calls that wait for the program to run them."""
        return self._look(self._inner.pending_external_tasks)

    def complete_external_task(self, task_id: str, result: ExternalResult | Mapping[str, object]) -> bool:
        """Say what became of a call; False if none of this id waits any more."""
        return self._look(self._inner.complete_external_task, task_id, result)

    def queue_stats(self) -> QueueStats:
        """How all lanes are now; nothing without a queue."""
        return self._look(self._inner.queue_stats)

    def queue_metrics(self) -> dict[str, LaneMetrics] | None:
        """What went through each lane so far; None unless it is counted."""
        return self._look(self._inner.queue_metrics)

    def dead_letters(self) -> list[DeadLetter]:
        """The calls that got no answer, if they are kept; at most the last hundred."""
        return self._look(self._inner.dead_letters)
