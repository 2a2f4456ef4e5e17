"""Where the steps of a plan and what the model itself plans with its tool meet: one list for the user.

The steps belong to the turn that works through them; the model can mark those to come as completed, and
neither change, drop nor reopen one. Everything else it plans are notes of its own, shown behind the steps.
"""

from __future__ import annotations

from acp_agent.engine.planning.graph import Steps, marked
from acp_agent.model.toolcall import PlanEntry


def joined(steps: Steps, entries: tuple[PlanEntry, ...]) -> tuple[Steps, tuple[PlanEntry, ...]]:
    """The steps as they are after the model planned `entries`, and which of these are notes of its own."""
    known = {_words(step.content): step for step in steps}
    notes: list[PlanEntry] = []
    for entry in entries:
        step = known.get(_words(entry.content))
        if step is None:
            notes.append(entry)
        elif entry.status == "completed" and step.status == "pending":
            steps = marked(steps, step.id, "completed")
    return steps, tuple(notes)


def _words(content: str) -> str:
    return " ".join(content.casefold().split())
