"""What becomes of the plan where turns end and begin: nothing is shown as being worked on when nothing is."""

from __future__ import annotations

import msgspec

from acp_agent.model import events
from acp_agent.model.toolcall import PlanEntry


def at_end(plan: tuple[PlanEntry, ...]) -> tuple[events.PlanChanged, ...]:
    """What closes the plan at the end of a turn: what was in progress is not done, so it is pending again."""
    if all(entry.status != "in_progress" for entry in plan):
        return ()
    return (events.PlanChanged(tuple(_rested(entry) for entry in plan)),)


def at_start(plan: tuple[PlanEntry, ...]) -> tuple[events.PlanChanged, ...]:
    """What clears the plan at the start of a turn if all of it was done in those before."""
    done = bool(plan) and all(entry.status == "completed" for entry in plan)
    return (events.PlanChanged(()),) if done else ()


def _rested(entry: PlanEntry) -> PlanEntry:
    return msgspec.structs.replace(entry, status="pending") if entry.status == "in_progress" else entry
