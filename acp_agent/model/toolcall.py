"""Tools as the model sees them, and calls to them as the user sees them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from acp_agent.base.ids import ToolCallId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model.content import Image, Text, ToolContent

ToolKind: TypeAlias = Literal[
    "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other"
]
ToolStatus: TypeAlias = Literal["pending", "in_progress", "completed", "failed", "cancelled"]
TaskStatus: TypeAlias = Literal["pending", "in_progress", "completed"]
PlanStatus: TypeAlias = TaskStatus | Literal["failed", "skipped", "cancelled"]
Priority: TypeAlias = Literal["high", "medium", "low"]


class Location(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in a file: absolute path, 1-based line."""

    path: str
    line: int | None = None


class ToolSpec(msgspec.Struct, frozen=True):
    """What a model is told about a tool; `input_schema` is a JSON Schema of type object.

    Calls of a tool that is `side_by_side` may run at the same time as others although it does not only look.
    """

    name: str
    description: str
    input_schema: JsonObject
    kind: ToolKind = "other"
    side_by_side: bool = False

    @property
    def runs_beside(self) -> bool:
        """Whether calls of it that stand in a row with others like it run at the same time as they."""
        return self.side_by_side or self.kind in ("read", "search", "fetch")


class ToolCall(msgspec.Struct, frozen=True):
    """A model's request to run a tool.

    `arguments` is None when the model's text was no JSON object; `fault` then says why.
    """

    id: ToolCallId
    name: str
    arguments: JsonObject | None
    fault: str = ""


class ToolCallPatch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Changes to a displayed tool call; an unset field stays as it was, lists replace the whole list."""

    name: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    kind: ToolKind | UnsetType = UNSET
    status: ToolStatus | UnsetType = UNSET
    content: tuple[ToolContent, ...] | UnsetType = UNSET
    locations: tuple[Location, ...] | UnsetType = UNSET
    raw_input: JsonValue | UnsetType = UNSET
    raw_output: JsonValue | UnsetType = UNSET


class PlanEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the agent's plan: a step that is worked through in its turn, or a note of the model's own.

    Attributes:
        id: names the step within its plan; empty for a note, which has none of what follows.
        dependencies: ids of the steps that have to be completed before.
        success_criteria: when the step is done, empty if its content says so.
        tool: the tool it is about, empty if it is about none.
    """

    content: str
    status: PlanStatus = "pending"
    priority: Priority = "medium"
    id: str = ""
    dependencies: tuple[str, ...] = ()
    success_criteria: str = ""
    tool: str = ""


class ToolOutcome(msgspec.Struct, frozen=True):
    """How a tool run ended.

    Attributes:
        for_model: what the model reads; never empty.
        is_error: the model is told that the call failed.
        display: what the user sees; None leaves what the preview or progress showed.
        raw_output: structured result for clients, such as an exit code.
        plan: a new plan to show, from the tool that keeps it.
        locations: files touched, when known better than at the start; None leaves them.
    """

    for_model: tuple[Text | Image, ...]
    is_error: bool = False
    display: tuple[ToolContent, ...] | None = None
    raw_output: JsonValue = None
    plan: tuple[PlanEntry, ...] | None = None
    locations: tuple[Location, ...] | None = None


def succeeded(
    text: str, *, display: tuple[ToolContent, ...] | None = None, raw_output: JsonValue = None
) -> ToolOutcome:
    """An outcome whose text the model reads."""
    return ToolOutcome((Text(text),), display=display, raw_output=raw_output)


def failed(
    text: str, *, display: tuple[ToolContent, ...] | None = None, raw_output: JsonValue = None
) -> ToolOutcome:
    """A failure whose text tells the model what to do instead."""
    return ToolOutcome((Text(text),), is_error=True, display=display, raw_output=raw_output)
