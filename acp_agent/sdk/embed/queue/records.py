"""What a queue shows of itself."""

from __future__ import annotations

import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.sdk.embed.queue.config import HandlerMode, Lane


class ExternalTask(msgspec.Struct, frozen=True):
    """A call that the program has to run; `payload` holds its arguments."""

    task_id: str
    session_id: str
    lane: Lane
    command_type: str
    payload: JsonObject
    timeout_ms: int
    remaining_ms: int


class DeadLetter(msgspec.Struct, frozen=True):
    """A call that got no answer however often it was tried."""

    command_id: str
    command_type: str
    lane: Lane
    error: str
    attempts: int


class LaneStats(msgspec.Struct, frozen=True):
    """A lane at this moment."""

    lane: Lane
    pending: int
    active: int
    max_concurrency: int
    handler_mode: HandlerMode


class QueueStats(msgspec.Struct, frozen=True):
    """All lanes at this moment; `external_pending` calls wait for the program."""

    total_pending: int = 0
    total_active: int = 0
    external_pending: int = 0
    lanes: dict[str, LaneStats] = {}


class LaneMetrics(msgspec.Struct):
    """What went through a lane so far; `total_ms` is how long it took, waiting not counted."""

    completed: int = 0
    failed: int = 0
    timed_out: int = 0
    retried: int = 0
    total_ms: int = 0
