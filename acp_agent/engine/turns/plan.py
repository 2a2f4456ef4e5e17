"""What becomes of the plan where turns end and begin: nothing is shown as being worked on when nothing is."""

from __future__ import annotations

import msgspec

from acp_agent.model import events
from acp_agent.model.planning import StepDone
from acp_agent.model.toolcall import PlanEntry


def at_end(plan: tuple[PlanEntry, ...]) -> tuple[events.Event, ...]:
    """What closes the plan at the end of a turn.

    What was in progress is not done: a note of the model's is pending again, and a step is cancelled, since
    the turn that worked through the plan is over.
    """
    if all(entry.status != "in_progress" for entry in plan):
        return ()
    steps = [entry for entry in plan if entry.id]
    ended = [
        events.PlanningTold(StepDone(step.id, "cancelled", number, len(steps)))
        for number, step in enumerate(steps, 1)
        if step.status == "in_progress"
    ]
    return (*ended, events.PlanChanged(tuple(_rested(entry) for entry in plan)))


def at_start(plan: tuple[PlanEntry, ...]) -> tuple[events.PlanChanged, ...]:
    """What clears the plan at the start of a turn if nothing of it is left to be done from those before."""
    over = bool(plan) and all(entry.status not in ("pending", "in_progress") for entry in plan)
    return (events.PlanChanged(()),) if over else ()


def _rested(entry: PlanEntry) -> PlanEntry:
    if entry.status != "in_progress":
        return entry
    return msgspec.structs.replace(entry, status="cancelled" if entry.id else "pending")
