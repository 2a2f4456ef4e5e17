"""A prompt that may be planned: analyzed, worked on step by step or in one go, judged."""

from __future__ import annotations

import anyio
import msgspec

from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import MessageId
from acp_agent.engine.planning import graph
from acp_agent.engine.planning.analysis import Analysis, analyze, plain_goal, single_step
from acp_agent.engine.planning.goals import judge
from acp_agent.engine.planning.joining import joined
from acp_agent.engine.planning.telling import GAVE_UP, step_text
from acp_agent.engine.turns.answering import AnswerContext, answer_history, begin_answer
from acp_agent.engine.turns.toolrun import ToolBench
from acp_agent.model import events
from acp_agent.model.chat import FromAssistant
from acp_agent.model.content import Text
from acp_agent.model.planning import (
    Goal,
    GoalSet,
    Planning,
    PlanningEnded,
    PlanningEvent,
    PlanningStarted,
    StepBegun,
    StepDone,
    StepOutcome,
)
from acp_agent.model.session import StopReason
from acp_agent.model.toolcall import PlanEntry


async def answer_considered(said: events.UserSaid, context: AnswerContext, planning: Planning) -> StopReason:
    """Let the model work on what the user said, by a plan if it has one, and judge the goal if it has one.

    Raises:
        ProviderError: the model could not answer; what it said before is in the journal.
    """
    began = anyio.current_time()
    bench = await begin_answer(said, context)
    goal, plan = await _consider(said, context, planning)
    if bench.delegation is not None:
        await bench.delegation.before_answer(said)  # whoever works on it next knows what they found
    if plan.steps:
        stop_reason = await _PlanAtWork(plan, context).work_through()
    else:
        stop_reason = await answer_history(context)
    if goal is not None and stop_reason == "end_turn":
        await judge(goal, anyio.current_time() - began, context)
    return stop_reason


async def _consider(
    said: events.UserSaid, context: AnswerContext, planning: Planning
) -> tuple[Goal | None, PlanningEnded]:
    """The goal if goals are tracked, and the plan, which has no steps if there is to be none."""
    prompt = "\n".join(part.text for part in said.content if isinstance(part, Text))
    analysis = Analysis(plain_goal(prompt))
    is_planned = await _is_planned(context, planning)
    if is_planned:
        await _tell(context, PlanningStarted(prompt))
        enabled = planning.mode == "enabled"
        analysis = await analyze(said, prompt, context, plan_anyway=enabled) or analysis
        if enabled and not analysis.plan.steps:
            analysis = msgspec.structs.replace(analysis, plan=single_step(prompt))
    if planning.track_goals:
        await _tell(context, GoalSet(analysis.goal))
    if is_planned:
        await _tell(context, analysis.plan)
    return analysis.goal if planning.track_goals else None, analysis.plan


async def _is_planned(context: AnswerContext, planning: Planning) -> bool:
    """Whether the model is asked for a plan; in mode `plan` it makes one with the user, before any work."""
    if planning.mode == "auto":
        return (await context.set_bench()).mode() != "plan"
    return planning.mode == "enabled"


async def _tell(context: AnswerContext, event: PlanningEvent) -> None:
    await context.journal.record(events.PlanningTold(event))


class _PlanAtWork:
    """A plan that is being worked through.

    The journal's latest plan is always these steps with the model's notes behind them.
    """

    def __init__(self, plan: PlanningEnded, context: AnswerContext) -> None:
        self._steps = plan.steps
        self._notes: tuple[PlanEntry, ...] = ()
        self._context = context
        self._n_left = context.max_steps  # model requests of the turn

    async def work_through(self) -> StopReason:
        """Do the steps one after another, in the same conversation, as they become ready."""
        stop_reason: StopReason = "end_turn"
        while stop_reason == "end_turn" and (able := graph.ready(self._steps)):
            stop_reason = await self._work_on(able[0]) if self._n_left > 0 else "max_turn_requests"
        if stop_reason == "end_turn" and graph.is_deadlocked(self._steps):
            await self._skip_rest()
        return stop_reason

    async def _work_on(self, step: PlanEntry) -> StopReason:
        context, number = self._context, self._steps.index(step) + 1
        self._steps = graph.marked(self._steps, step.id, "in_progress")
        self._notes = tuple(note for note in self._notes if note.status != "completed")
        begun = StepBegun(
            step.id,
            step.content,
            number,
            len(self._steps),
            MessageId(context.new_id("msg")),
            step_text(step, self._steps) if len(self._steps) > 1 else "",
        )
        await context.journal.record(events.PlanningTold(begun), self._shown())
        try:
            stop_reason = await answer_history(
                msgspec.structs.replace(context, set_bench=self._set_bench, max_steps=self._n_left)
            )
        except ProviderError:
            await self._end(begun, "failed")
            raise
        outcome: StepOutcome = "failed" if stop_reason != "end_turn" or self._gave_up() else "completed"
        self._steps = graph.marked(self._steps, step.id, outcome)
        if stop_reason == "end_turn" and graph.ready(self._steps):
            context.steering.reopen()  # before anything can wait: the turn goes on taking what is said to it
        await self._end(begun, outcome)
        return stop_reason

    async def _end(self, begun: StepBegun, outcome: StepOutcome) -> None:
        self._steps = graph.marked(self._steps, begun.step_id, outcome)
        done = StepDone(begun.step_id, outcome, begun.number, begun.n_steps)
        await self._context.journal.record(events.PlanningTold(done), self._shown())

    async def _skip_rest(self) -> None:
        n_skipped = graph.n_pending(self._steps)
        self._steps = graph.without_pending(self._steps)
        detail = f"{n_skipped} of {len(self._steps)} steps were not begun: they wait for one that failed"
        notice = events.Noticed("warning", "The plan ended early", detail)
        await self._context.journal.record(self._shown(), notice)

    def _shown(self) -> events.PlanChanged:
        return events.PlanChanged((*self._steps, *self._notes))

    def _gave_up(self) -> bool:
        """Whether the model said at the end of its step that it could not be done."""
        last = self._context.transcript.messages()[-1]
        if not isinstance(last, FromAssistant):
            return False
        text = "".join(part.text for part in last.content if isinstance(part, Text))
        return text.strip().strip("*_#` ").startswith(GAVE_UP)

    async def _set_bench(self) -> ToolBench:
        self._n_left -= 1  # asked for once before each request
        return msgspec.structs.replace(await self._context.set_bench(), joined_plan=self._joined)

    def _joined(self, entries: tuple[PlanEntry, ...]) -> tuple[PlanEntry, ...]:
        self._steps, self._notes = joined(self._steps, entries)
        return self._shown().entries
