"""Planning as the options of a session ask for it, and plans as a program is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model.planning import (
    AskedAside,
    Goal,
    GoalJudged,
    GoalSet,
    Planning,
    PlanningEnded,
    PlanningEvent,
    PlanningMode,
    PlanningStarted,
    StepBegun,
    StepDone,
)
from acp_agent.model.toolcall import PlanEntry
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.session_options import SessionOptions

_MODE_LABEL, _GOALS_LABEL = "acp_agent.planning_mode", "acp_agent.goal_tracking"


def planning_of(options: SessionOptions, settings: Planning, kept: Mapping[str, str]) -> Planning:
    """How a session plans: as its options say, else as the session did that is resumed, else as the settings.

    `kept` are the labels of the resumed session, empty for a new one.
    """
    before = Planning(_mode(kept.get(_MODE_LABEL)) or settings.mode, settings.track_goals)
    if _GOALS_LABEL in kept:
        before = msgspec.structs.replace(before, track_goals=kept[_GOALS_LABEL] == "yes")
    mode = options.planning_mode
    if mode is None and options.planning is not None:
        mode = "enabled" if options.planning else "disabled"
    goals = before.track_goals if options.goal_tracking is None else options.goal_tracking
    return Planning(mode or before.mode, goals)


def planning_labels(planning: Planning) -> dict[str, str]:
    """The labels by which a session that is resumed plans as it did."""
    return {_MODE_LABEL: planning.mode, _GOALS_LABEL: "yes" if planning.track_goals else "no"}


def may_plan(labels: Mapping[str, str]) -> bool:
    """Whether the session with these labels plans at all."""
    return labels.get(_MODE_LABEL) in ("auto", "enabled")


def tasks_of(plan: tuple[PlanEntry, ...]) -> list[JsonValue]:
    """The whole plan; the steps come first, then the model's own notes."""
    return [_task(number, entry) for number, entry in enumerate(plan, 1)]


class PlanningMapper:
    """Takes what is told of the planning of one run, in order; yields what a program is told."""

    def __init__(self) -> None:
        self._prompt = ""
        self._goal: Goal | None = None
        self._n_steps = 0
        self._n_completed = 0

    def take(self, event: PlanningEvent) -> Iterator[AgentEvent]:
        """What a program is told of this event."""
        match event:
            case PlanningStarted(prompt):
                self._prompt = prompt
                yield AgentEvent("planning_start", prompt=prompt)
            case GoalSet(goal):
                self._goal = goal
                told: JsonObject = {
                    "description": goal.description,
                    "success_criteria": list(goal.success_criteria),
                    "progress": 0.0,
                    "achieved": False,
                }
                yield AgentEvent("goal_extracted", data={"goal": told})
            case PlanningEnded():
                yield self._planned(event)
            case StepBegun(step_id, content, number, n_steps):
                step: JsonObject = {"step_id": step_id, "description": content}
                yield AgentEvent("step_start", data={**step, "step_number": number, "total_steps": n_steps})
            case StepDone(step_id, status, number, n_steps):
                ended: JsonObject = {"step_id": step_id, "status": status}
                yield AgentEvent("step_end", data={**ended, "step_number": number, "total_steps": n_steps})
                self._n_completed += status == "completed"
                if self._goal is not None:
                    yield self._progress(self._goal, self._n_completed / n_steps)
            case GoalJudged(achieved, progress, remaining, duration) if self._goal is not None:
                yield self._progress(self._goal, progress, remaining)
                if achieved:
                    done: JsonObject = {"goal": self._goal.description, "total_steps": self._n_steps}
                    yield AgentEvent("goal_achieved", data={**done, "duration_ms": round(duration * 1000)})
            case GoalJudged() | AskedAside():
                pass

    def _planned(self, event: PlanningEnded) -> AgentEvent:
        self._n_steps = len(event.steps)
        plan: JsonObject = {
            "goal": self._prompt if self._goal is None else self._goal.description,
            "steps": tasks_of(event.steps),
            "complexity": event.complexity,
            "required_tools": list(event.required_tools),
            "estimated_steps": self._n_steps,
        }
        return AgentEvent("planning_end", data={"plan": plan, "estimated_steps": self._n_steps})

    def _progress(self, goal: Goal, progress: float, remaining: tuple[str, ...] = ()) -> AgentEvent:
        data: JsonObject = {
            "goal": goal.description,
            "progress": progress,
            "completed_steps": self._n_completed,
            "total_steps": self._n_steps,
        }
        if remaining:
            data["remaining_criteria"] = list(remaining)
        return AgentEvent("goal_progress", data=data)


def _task(number: int, entry: PlanEntry) -> JsonValue:
    return {
        "id": entry.id or str(number),
        "content": entry.content,
        "status": entry.status,
        "priority": entry.priority,
        "tool": entry.tool or None,
        "dependencies": list(entry.dependencies),
        "success_criteria": entry.success_criteria or None,
    }


def _mode(word: str | None) -> PlanningMode | None:
    match word:
        case "auto" | "enabled" | "disabled":
            return word
        case _:
            return None
