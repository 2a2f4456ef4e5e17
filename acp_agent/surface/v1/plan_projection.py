"""The plan and the goal of a turn, as the protocol can tell them."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events
from acp_agent.model.planning import GoalJudged, PlanningEvent
from acp_agent.model.toolcall import PlanEntry

PLAN_ID = "plan"
"""A session has one plan."""


def plan_update(entries: tuple[PlanEntry, ...]) -> JsonObject:
    """The whole plan."""
    return {"sessionUpdate": "plan", "entries": [_entry(entry) for entry in entries]}


def plan_update_by_id(entries: tuple[PlanEntry, ...]) -> JsonObject:
    """The whole plan for a client that keeps plans by id."""
    if not entries:
        return {"sessionUpdate": "plan_removed", "planId": PLAN_ID}
    items: JsonObject = {"type": "items", "planId": PLAN_ID, "entries": [_entry(entry) for entry in entries]}
    return {"sessionUpdate": "plan_update", "plan": items}


def goal_notice(event: PlanningEvent) -> events.Noticed | None:
    """What the user is told of the goal; of the plan `plan` tells everything."""
    if not isinstance(event, GoalJudged):
        return None
    if event.achieved:
        return events.Noticed("info", "The goal is reached")
    return events.Noticed("info", "The goal is not reached yet", "; ".join(event.remaining))


def _entry(entry: PlanEntry) -> JsonObject:
    """One line; a state that the protocol has no word for is told in the text, for the work was not done."""
    content, status = entry.content, entry.status
    if status in ("failed", "skipped", "cancelled"):
        content, status = f"{content} ({status})", "pending"
    return {"content": content, "priority": entry.priority, "status": status}
