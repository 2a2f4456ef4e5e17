"""The steps of a plan and what they wait for: pure functions over entries in order.

A step is ready when it is pending and everything it depends on is completed. Nothing here ever makes a step
pending again, so whoever marks what is ready comes to an end: all is done, or nothing can be (a deadlock).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from acp_agent.model.toolcall import PlanEntry, PlanStatus

Steps: TypeAlias = tuple[PlanEntry, ...]


def ready(steps: Sequence[PlanEntry]) -> Steps:
    """The steps that can be begun now, in the order of the plan."""
    completed = {step.id for step in steps if step.status == "completed"}
    return tuple(
        step for step in steps if step.status == "pending" and completed.issuperset(step.dependencies)
    )


def marked(steps: Sequence[PlanEntry], step_id: str, status: PlanStatus) -> Steps:
    """The steps with a new state of one of them."""
    return tuple(
        msgspec.structs.replace(step, status=status) if step.id == step_id else step for step in steps
    )


def n_pending(steps: Sequence[PlanEntry]) -> int:
    """How many steps were not begun."""
    return sum(step.status == "pending" for step in steps)


def is_deadlocked(steps: Sequence[PlanEntry]) -> bool:
    """Whether steps are pending of which none can ever be begun."""
    at_work = any(step.status == "in_progress" for step in steps)
    return not at_work and n_pending(steps) > 0 and not ready(steps)


def progress(steps: Sequence[PlanEntry]) -> float:
    """The share of steps that are completed, 0 to 1; a plan without steps has nothing left to do."""
    return sum(step.status == "completed" for step in steps) / len(steps) if steps else 1.0


def without_pending(steps: Sequence[PlanEntry]) -> Steps:
    """The steps, with those skipped that were not begun."""
    return tuple(
        msgspec.structs.replace(step, status="skipped") if step.status == "pending" else step
        for step in steps
    )


def has_cycle(steps: Sequence[PlanEntry]) -> bool:
    """Whether steps wait for each other, or for one that does not exist: no order completes them all."""
    rest = tuple(msgspec.structs.replace(step, status="pending") for step in steps)
    while able := ready(rest):
        for step in able:
            rest = marked(rest, step.id, "completed")
    return n_pending(rest) > 0
