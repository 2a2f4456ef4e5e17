"""The steps of a plan, whatever they depend on, and the notes of the model among them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.engine.planning import graph
from acp_agent.engine.planning.joining import joined
from acp_agent.engine.turns import plan
from acp_agent.model import events
from acp_agent.model.planning import StepDone, StepOutcome
from acp_agent.model.toolcall import PlanEntry, PlanStatus

STATUSES: tuple[PlanStatus, ...] = ("pending", "in_progress", "completed", "failed", "skipped", "cancelled")
OUTCOMES: tuple[StepOutcome, ...] = ("completed", "failed", "cancelled")


@st.composite
def any_steps(draw: st.DrawFn, statuses: tuple[PlanStatus, ...] = ("pending",)) -> graph.Steps:
    """Steps that may depend on any others, themselves and some that do not exist."""
    n_steps = draw(st.integers(0, 7))
    ids = st.sampled_from([*(str(number) for number in range(1, n_steps + 1)), "nobody"])
    return tuple(
        PlanEntry(
            f"do {number}",
            draw(st.sampled_from(statuses)),
            id=str(number),
            dependencies=tuple(draw(st.lists(ids, max_size=2))),
        )
        for number in range(1, n_steps + 1)
    )


def by_id(steps: graph.Steps) -> dict[str, PlanEntry]:
    return {step.id: step for step in steps}


@given(any_steps(STATUSES))
def test_what_is_ready_is_pending_and_depends_on_nothing_unfinished(steps: graph.Steps) -> None:
    able = graph.ready(steps)
    known = by_id(steps)
    for step in able:
        assert step.status == "pending"
        assert all(one in known and known[one].status == "completed" for one in step.dependencies)
    rest = [step for step in steps if step.status == "pending" and step not in able]
    assert all(
        any(one not in known or known[one].status != "completed" for one in step.dependencies)
        for step in rest
    )


@given(any_steps(STATUSES))
def test_what_is_ready_comes_in_the_order_of_the_plan(steps: graph.Steps) -> None:
    places = [steps.index(step) for step in graph.ready(steps)]
    assert places == sorted(places)


@given(any_steps(), st.lists(st.sampled_from(OUTCOMES), min_size=8, max_size=8))
def test_working_through_any_plan_ends_with_all_done_or_a_deadlock(
    steps: graph.Steps, outcomes: list[StepOutcome]
) -> None:
    contents, shares = [step.content for step in steps], [graph.progress(steps)]
    begun: list[str] = []
    while able := graph.ready(steps):
        begun.append(able[0].id)
        steps = graph.marked(steps, able[0].id, "in_progress")
        assert not graph.is_deadlocked(steps)
        steps = graph.marked(steps, able[0].id, outcomes[len(begun) - 1])
        shares.append(graph.progress(steps))
    assert len(begun) == len(set(begun))
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert [step.content for step in steps] == contents
    assert graph.is_deadlocked(steps) is (graph.n_pending(steps) > 0)
    over = graph.without_pending(steps)
    assert graph.n_pending(over) == 0
    assert not graph.is_deadlocked(over)
    assert [one for one in over if one.status != "skipped"] == [
        one for one in steps if one.status != "pending"
    ]


@given(any_steps())
def test_a_plan_with_a_cycle_and_no_other_ends_before_all_is_completed(steps: graph.Steps) -> None:
    cyclic = graph.has_cycle(steps)
    while able := graph.ready(steps):
        steps = graph.marked(steps, able[0].id, "completed")
    assert graph.is_deadlocked(steps) is cyclic
    assert cyclic or graph.progress(steps) == 1


def test_steps_that_wait_for_each_other_are_a_deadlock() -> None:
    circle = (PlanEntry("a", id="1", dependencies=("2",)), PlanEntry("b", id="2", dependencies=("1",)))
    assert graph.has_cycle(circle)
    assert graph.is_deadlocked(circle)
    assert not graph.is_deadlocked((*circle, PlanEntry("c", id="3")))


NOTES = st.lists(
    st.builds(
        PlanEntry,
        st.sampled_from(["do 1", " DO  2 ", "do 3", "mine", "my own"]),
        st.sampled_from(("pending", "in_progress", "completed")),
    ),
    max_size=5,
)


@given(any_steps(STATUSES), NOTES)
def test_the_model_can_complete_steps_to_come_and_do_nothing_else_to_them(
    steps: graph.Steps, entries: list[PlanEntry]
) -> None:
    after, notes = joined(steps, tuple(entries))
    assert [msgspec.structs.replace(step, status="pending") for step in after] == [
        msgspec.structs.replace(step, status="pending") for step in steps
    ]
    listed = {" ".join(entry.content.lower().split()) for entry in entries if entry.status == "completed"}
    for before, now in zip(steps, after, strict=True):
        finished = before.status == "pending" and before.content in listed
        assert now.status == ("completed" if finished else before.status)
    known = {step.content for step in steps}
    assert list(notes) == [entry for entry in entries if " ".join(entry.content.lower().split()) not in known]
    assert graph.progress(after) >= graph.progress(steps)


@given(any_steps(STATUSES), NOTES)
def test_nothing_is_in_progress_when_a_turn_is_over(steps: graph.Steps, notes: list[PlanEntry]) -> None:
    whole = (*steps, *notes)
    ended = plan.at_end(whole)
    at_work = [number for number, step in enumerate(steps, 1) if step.status == "in_progress"]
    assert [event.event for event in ended if isinstance(event, events.PlanningTold)] == [
        StepDone(str(number), "cancelled", number, len(steps)) for number in at_work
    ]
    last = ended[-1] if ended else events.PlanChanged(whole)
    assert isinstance(last, events.PlanChanged)
    assert "in_progress" not in [entry.status for entry in last.entries]
    assert plan.at_end(last.entries) == ()
    left = any(entry.status == "pending" for entry in last.entries)
    assert plan.at_start(last.entries) == (() if left or not whole else (events.PlanChanged(()),))
