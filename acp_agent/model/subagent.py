"""Subagents: the kinds there are, the work they are given, and how far it is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import SessionId

SubagentState: TypeAlias = Literal["running", "waiting", "completed", "failed", "cancelled", "interrupted"]
"""`waiting` is for an answer of the user; `interrupted` was cut off by the end of the process."""


Confirmation: TypeAlias = Literal["inherit_parent", "deny_on_ask", "auto_approve"]
"""What becomes of a subagent's call that the user would be asked about: asked, refused, or allowed once.

What has to be asked about each time is asked about also where everything else is allowed.
"""


class KindRules(msgspec.Struct, frozen=True):
    """Permission rules such as `Bash(git log:*)` that hold for one kind, besides those of its session.

    They only ever restrict: what they allow runs where the session may do it too. `default` is for calls
    that none of them is about; None leaves those to the session.
    """

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    default: Literal["allow", "ask", "deny"] | None = None


class AgentKind(msgspec.Struct, frozen=True):
    """A kind of subagent.

    Attributes:
        name: what models call it.
        description: what it is good for, so that a model can choose.
        prompt: what it is told to be, in place of the usual rules of work.
        tools: the tools it may use, named as in permission rules; None for all that its parent has.
        denied_tools: tools that it may not use in any case, named alike.
        read_only: it changes nothing, whatever the mode of its session.
        model: `provider/model` to ask, empty for its parent's.
        max_steps: model requests of one task.
        aliases: further names, unless another kind has them.
        hidden: models are not told of it; who knows its name can use it.
        rules: what it may do of what its session may.
        confirmation: what becomes of its calls that the user would be asked about.
    """

    name: str
    description: str
    prompt: str
    tools: tuple[str, ...] | None = None
    denied_tools: tuple[str, ...] = ()
    read_only: bool = False
    model: str = ""
    max_steps: int = 50
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    rules: KindRules = KindRules()
    confirmation: Confirmation = "inherit_parent"


class FoundAgents(msgspec.Struct, frozen=True):
    """The kinds that files define; of several with one name the last counts.

    `problems` says of others what is wrong with them.
    """

    kinds: tuple[AgentKind, ...] = ()
    problems: tuple[str, ...] = ()


class DelegationLimits(msgspec.Struct, frozen=True):
    """How a session delegates.

    Attributes:
        automatic: subagents that a prompt calls for work on it before the model does.
        side_by_side: several of them at once; without, only the one that fits best.
        by_model: the model may delegate.
        min_confidence: how sure it has to be, from 0 to 1, that a prompt calls for a subagent.
        max_tasks: subagents that one prompt calls for.
        max_at_work: subagents that work at the same time; others wait for their turn.
    """

    automatic: bool = False
    side_by_side: bool = True
    by_model: bool = True
    min_confidence: float = 0.72
    max_tasks: int = 4
    max_at_work: int = 8


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
