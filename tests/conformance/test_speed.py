"""Speed is a grade beside the bundled reference agent: slowness is told and fails nobody."""

from __future__ import annotations

import pytest

from acp_agent.conformance.catalogue import chosen
from acp_agent.conformance.checks.performance.speed import grade
from acp_agent.conformance.report import Outcome
from tests.conformance.agents import reference, verdicts

N_TRIES = 5
"""Times are compared that a busy machine makes longer for one of two; so one comparison may go wrong."""

MEASURED = [item.id for item in chosen("speed")]


@pytest.mark.parametrize(
    ("seconds", "reference", "wanted"),
    [
        (0.02, 0.02, "A"),
        (0.04, 0.02, "A"),
        (0.09, 0.02, "B"),
        (0.3, 0.02, "C"),
        (0.9, 0.02, "D"),
        (9.0, 0.02, "E"),
        (0.009, 0.0001, "A"),  # nobody notices either
    ],
)
def test_a_grade_is_a_ratio(seconds: float, reference: float, wanted: str) -> None:
    assert grade(seconds, reference) == wanted


def graded(outcome: Outcome) -> str:
    assert outcome.verdict == "pass", outcome.reason
    assert outcome.reason.startswith("grade ")
    return outcome.reason.removeprefix("grade ")[0]


@pytest.mark.parametrize("measured", MEASURED)
async def test_what_is_slow_passes_with_a_worse_grade(measured: str) -> None:
    # The slow one waits for many times as long as the reference takes for any of this.
    grades: list[tuple[str, str]] = []
    while len(grades) < N_TRIES:
        quick = await verdicts(reference(), chosen(measured), patience=20)
        slow = await verdicts(reference(measured), chosen(measured), patience=20)
        grades.append((graded(quick.outcomes[0]), graded(slow.outcomes[0])))
        if "A" < grades[-1][1] >= grades[-1][0]:
            return
    pytest.fail(f"grades of the quick one and the slow one: {grades}")
