"""What the model can call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Content, Resource, ToolContent
from acp_agent.model.events import NoteAdded, UserSaid
from acp_agent.model.mcp import PromptInfo, ResourceInfo
from acp_agent.model.permission import Access
from acp_agent.model.question import Answer, Question
from acp_agent.model.subagent import Task, TaskReport
from acp_agent.model.toolcall import Location, ToolCallPatch, ToolKind, ToolOutcome, ToolSpec
from acp_agent.ports.asking import ask_nobody
from acp_agent.ports.workspace import Workspace


class Delegation(Protocol):
    """Subagents of one session: those that work now, and those that did."""

    async def run(self, task: Task, call_id: ToolCallId) -> TaskReport:
        """Let a subagent do the task, on behalf of this call; a cancelled caller cancels it.

        Raises:
            ToolError: there is no such subagent.
        """
        ...

    def start(self, task: Task, call_id: ToolCallId) -> TaskReport:
        """Let it be done while the session goes on; returns at once.

        Raises:
            ToolError: there is no such subagent.
        """
        ...

    def reports(self) -> tuple[TaskReport, ...]:
        """How far every task that was started in the background is, in order."""
        ...

    async def before_answer(self, said: UserSaid) -> None:
        """Let subagents that the user's words call for work on them, if that is wanted, and say what came."""
        ...

    def endings(self) -> NoteAdded | None:
        """What the model is to be told of tasks in the background that ended since; None for nothing."""
        ...

    def cancel(self, task_id: str) -> bool:
        """End a subagent's work; False if there is none of this id at work. Returns at once."""
        ...


class ToolContext(msgspec.Struct, frozen=True):
    """What a tool run may use.

    Attributes:
        report: shows progress to the user; it returns at once.
        ask: asks the user, in the name of this call; never raises.
        trace: the entries that join what others do for this call to our trace, under their W3C names; empty
            if nobody traces.
        delegation: the session's subagents; None for a subagent, which has none.
    """

    workspace: Workspace
    session_id: SessionId
    call_id: ToolCallId
    report: Callable[[ToolCallPatch], None]
    ask: Callable[[Question], Awaitable[Answer]] = ask_nobody
    trace: Mapping[str, str] = {}
    delegation: Delegation | None = None


class Preview(msgspec.Struct, frozen=True):
    """What a call is about to do, shown and judged before it runs."""

    title: str
    kind: ToolKind
    access: Access
    content: tuple[ToolContent, ...] = ()
    locations: tuple[Location, ...] = ()


class Tool(Protocol):
    """Something the model can call."""

    @property
    def spec(self) -> ToolSpec:
        """What the model is told."""
        ...

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Check the arguments and say what running them would do, without doing it.

        Raises:
            ToolError, WorkspaceError: the arguments cannot work; the message is for the model.
        """
        ...

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Do it.

        Raises:
            ToolError, WorkspaceError: it failed; the message is for the model.
        """
        ...


class ToolSource(Protocol):
    """Tools that come and go with a session, such as those of an MCP server."""

    @property
    def name(self) -> str:
        """For messages to people."""
        ...

    @property
    def failure(self) -> str | None:
        """Why it offers nothing, or None."""
        ...

    async def run(self) -> None:
        """Connect and stay connected until cancelled. Failures are recorded in `failure`, never raised."""
        ...

    async def wait_settled(self) -> None:
        """Return once it is connected or has failed."""
        ...

    def tools(self) -> Sequence[Tool]:
        """The tools offered now."""
        ...

    def prompts(self) -> Sequence[PromptInfo]:
        """The prompts kept ready now."""
        ...

    async def expand(self, name: str, arguments: Mapping[str, str]) -> tuple[Content, ...]:
        """A prompt with its blanks filled in, never empty.

        Raises:
            ToolError: there is no such prompt, an argument is missing, or the source is gone.
        """
        ...

    @property
    def has_resources(self) -> bool:
        """Whether `resources` can be asked now."""
        ...

    async def resources(self) -> Sequence[ResourceInfo]:
        """What can be read, templates last.

        Raises:
            ToolError: it cannot be listed; the message is for the model.
        """
        ...

    async def owns(self, uri: str) -> bool:
        """Whether `uri` names one of the resources, or one that fits a template. Failures are a no."""
        ...

    async def read_resource(self, uri: str) -> tuple[Resource, ...]:
        """What is behind `uri`; a resource may have several parts, with URIs of their own.

        Raises:
            ToolError: it cannot be read; the message is for the model.
        """
        ...

    def roots_changed(self) -> None:
        """Take note that the session may touch other directories than before; returns at once."""
        ...
