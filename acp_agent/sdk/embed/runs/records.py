"""What is told of runs: how they stand, what happened in them, what they are at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from acp_agent.engine.runs import RunStatus
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.events.messages import Message
from acp_agent.sdk.embed.options.given import NotNegative, converted
from acp_agent.sdk.embed.runs.results import TokenUsage

RunPhase: TypeAlias = Literal[
    "created", "planning", "executing", "verifying", "completed", "failed", "cancelled", "interrupted"
]

_BEGINS: Mapping[str, RunPhase] = {
    "start": "executing",
    "planning_start": "planning",
    "planning_end": "executing",
    "step_start": "executing",
    "turn_start": "executing",
    "tool_start": "executing",
    "tool_execution_start": "executing",
    "verification_start": "verifying",
}


class RunSnapshot(msgspec.Struct, frozen=True):
    """A run as it is at one moment.

    Attributes:
        status: `running` until all of it is over, then what `phase` says.
        phase: what a running run is at: `created`, `planning`, `executing` or `verifying`; then how it ended:
            `completed`, `failed`, `cancelled`, or `interrupted` by the end of its process.
        event_count: how many events it has had, those included that are no longer kept.
        created_at_ms, updated_at_ms: milliseconds since 1970, UTC.
        result_text: what the model said last.
        error: why it failed.
    """

    id: str
    session_id: str
    status: RunStatus
    phase: RunPhase
    prompt: str
    created_at_ms: int
    updated_at_ms: int
    event_count: int
    usage: TokenUsage
    tool_calls_count: int
    result_text: str = ""
    error: str | None = None


class RunEventRecord(msgspec.Struct, frozen=True):
    """One event of a run.

    Attributes:
        sequence: its number in the run, from 0; it stays the same when earlier ones are dropped.
        timestamp_ms: milliseconds since 1970, UTC; in a resumed session when its run began or ended.
    """

    sequence: int
    timestamp_ms: int
    event: AgentEvent


class ActiveTool(msgspec.Struct, frozen=True):
    """A call that is being carried out; `started_at_ms` is in milliseconds since 1970, UTC."""

    id: str
    name: str
    started_at_ms: int


class LoopCheckpoint(msgspec.Struct, frozen=True):
    """How far a run had come when its process ended; `resume_run` goes on from there.

    Attributes:
        turn: answers of the model that were complete.
        messages: the conversation up to there.
        checkpoint_ms: when the run was last heard of, in milliseconds since 1970, UTC.
    """

    run_id: str
    session_id: str
    turn: int
    messages: tuple[Message, ...]
    total_usage: TokenUsage
    tool_calls_count: int
    checkpoint_ms: int
    schema_version: int = 1


class RetentionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept in memory at most, None for everything. What was first goes first.

    A run that goes on and a task that is being worked on are never dropped, and counts go on counting.

    Attributes:
        max_runs_retained: runs.
        max_events_per_run: events of each run.
        max_trace_events: what `trace_events` returns.
        max_terminal_subagent_tasks: tasks of subagents that have ended.
    """

    max_runs_retained: NotNegative | None = None
    max_events_per_run: NotNegative | None = None
    max_trace_events: NotNegative | None = None
    max_terminal_subagent_tasks: NotNegative | None = None

    @classmethod
    def of(cls, given: RetentionLimits | Mapping[str, object]) -> RetentionLimits:
        """The limits, also from a mapping of them.

        Raises:
            ConfigInvalid: one of them is unknown, or no whole number from 0 on.
        """
        return converted(given, cls, "`retention_limits`")


def phase_after(event_type: str, phase: RunPhase) -> RunPhase:
    """What a run is at after this kind of event."""
    return _BEGINS.get(event_type, phase)


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970, UTC."""
    return round(at.timestamp() * 1000)
