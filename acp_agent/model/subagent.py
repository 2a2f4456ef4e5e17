"""Subagents: the kinds there are, the work they are given, and how far it is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import SessionId

SubagentState: TypeAlias = Literal["running", "waiting", "completed", "failed", "cancelled", "interrupted"]
"""`waiting` is for an answer of the user; `interrupted` was cut off by the end of the process."""


class AgentKind(msgspec.Struct, frozen=True):
    """A kind of subagent.

    Attributes:
        name: what models call it.
        description: what it is good for, so that a model can choose.
        prompt: what it is told to be, in place of the usual rules of work.
        tools: names of the tools it may use; None for all that its parent has.
        denied_tools: names of tools that it may not use in any case.
        read_only: it changes nothing, whatever the mode of its session.
        model: `provider/model` to ask, empty for its parent's.
        max_steps: model requests of one task.
    """

    name: str
    description: str
    prompt: str
    tools: tuple[str, ...] | None = None
    denied_tools: tuple[str, ...] = ()
    read_only: bool = False
    model: str = ""
    max_steps: int = 50


class FoundAgents(msgspec.Struct, frozen=True):
    """The kinds that files define; of several with one name the last counts.

    `problems` says of others what is wrong with them.
    """

    kinds: tuple[AgentKind, ...] = ()
    problems: tuple[str, ...] = ()


class Task(msgspec.Struct, frozen=True):
    """Work for a subagent: the kind wanted, a few words for people, and all that it is told."""

    agent: str
    title: str
    prompt: str


class TaskReport(msgspec.Struct, frozen=True):
    """How far a task is; `answer` is what the subagent says, or why there is nothing."""

    id: SessionId
    task: Task
    state: SubagentState
    answer: str = ""
