"""What the model is told when it is to work on one step of a plan."""

from __future__ import annotations

from acp_agent.engine.planning.graph import Steps, n_pending
from acp_agent.model.toolcall import PlanEntry

GAVE_UP = "FAILED:"
"""How the report of a step begins that could not be done."""

_MARKS = {"completed": "done", "in_progress": "now", "pending": "to do"}


def step_text(step: PlanEntry, steps: Steps) -> str:
    """What is said to the model in the user's place; `step` is one of `steps`, which are two at least."""
    number = next(n for n, one in enumerate(steps, 1) if one.id == step.id)
    listed = "\n".join(
        f"{n}. {one.content} ({_MARKS.get(one.status, one.status)})" for n, one in enumerate(steps, 1)
    )
    parts = [
        f"Step {number} of {len(steps)} of the plan for the request above: {step.content}",
        f"It is done when: {step.success_criteria}" if step.success_criteria else "",
        f"The whole plan, which is kept for you:\n{listed}",
        _END if n_pending(steps) else _LAST,
        f"If it cannot be done, begin the report with `{GAVE_UP}` and say why.",
    ]
    return "\n\n".join(part for part in parts if part)


_END = (
    "Work on this step only; the others have their turn. End with a short report of what was done and found."
)
_LAST = (
    "Nothing is left to do after this step. End with a report of the whole work on the request, complete and "
    "as short as can be."
)
