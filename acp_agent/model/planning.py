"""Plans and goals of a turn: whether they are wanted, and what a journal says of them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import MessageId
from acp_agent.model.chat import Usage
from acp_agent.model.toolcall import PlanEntry

PlanningMode: TypeAlias = Literal["auto", "enabled", "disabled"]
Complexity: TypeAlias = Literal["simple", "medium", "complex", "very_complex"]
StepOutcome: TypeAlias = Literal["completed", "failed", "cancelled"]


class Planning(msgspec.Struct, frozen=True):
    """How prompts are planned.

    Attributes:
        mode: `auto` plans prompts that need it, `enabled` plans all, `disabled` none.
        track_goals: whether the goal of each prompt is told, and judged when the work on it is over.
    """

    mode: PlanningMode = "disabled"
    track_goals: bool = False


class Goal(msgspec.Struct, frozen=True):
    """What a turn is for, and when that is reached."""

    description: str
    success_criteria: tuple[str, ...] = ()


class PlanningStarted(msgspec.Struct, frozen=True, tag="started"):
    """The model is being asked whether and how the prompt is planned."""

    prompt: str


class GoalSet(msgspec.Struct, frozen=True, tag="goal_set"):
    """What the turn is for."""

    goal: Goal


class PlanningEnded(msgspec.Struct, frozen=True, tag="ended"):
    """The plan of the turn; without steps it has none."""

    steps: tuple[PlanEntry, ...] = ()
    complexity: Complexity = "simple"
    required_tools: tuple[str, ...] = ()


class StepBegun(msgspec.Struct, frozen=True, tag="step_begun"):
    """A step of the plan is being worked on, the `number`th (from 1 on) of `n_steps`.

    `text` is what the model is told of it, in the user's place; empty if the prompt says it already.
    """

    step_id: str
    content: str
    number: int
    n_steps: int
    message_id: MessageId
    text: str = ""


class StepDone(msgspec.Struct, frozen=True, tag="step_done"):
    """Work on a step of the plan is over."""

    step_id: str
    status: StepOutcome
    number: int
    n_steps: int


class GoalJudged(msgspec.Struct, frozen=True, tag="goal_judged"):
    """What became of the goal.

    Attributes:
        progress: share of it that is reached, 0 to 1.
        remaining: criteria that are not met.
        duration: seconds since the prompt was taken up.
    """

    achieved: bool
    progress: float
    remaining: tuple[str, ...] = ()
    duration: float = 0.0


class AskedAside(msgspec.Struct, frozen=True, tag="asked_aside"):
    """A model was asked about the turn, outside of its conversation."""

    usage: Usage
    model: str


PlanningEvent: TypeAlias = (
    PlanningStarted | GoalSet | PlanningEnded | StepBegun | StepDone | GoalJudged | AskedAside
)
