"""What sessions are made of: the part of an agent that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from acp_agent.base.clock import Clock
from acp_agent.base.ids import IdSource
from acp_agent.base.trace import Tracer
from acp_agent.model.mcp import McpServer
from acp_agent.model.planning import Planning
from acp_agent.model.session import ModelInfo
from acp_agent.model.subagent import AgentKind, DelegationLimits
from acp_agent.ports import Provider, ServerContext, SessionStore, SkillShelf, Tool, ToolSource


class SessionParts(msgspec.Struct, frozen=True):
    """What a session is made of; everything from outside is injected."""

    store: SessionStore
    tools: Mapping[str, Tool]
    models: Callable[[], tuple[ModelInfo, ...]]
    choose_model: Callable[[str], tuple[Provider, ModelInfo]]
    new_id: IdSource
    clock: Clock
    max_steps: int
    remember: Callable[[str, str | bool], None]
    compact_at: float
    connect: Callable[[McpServer, ServerContext], ToolSource]
    resource_tools: Callable[[Callable[[], tuple[ToolSource, ...]]], tuple[Tool, ...]]
    task_tools: Callable[[tuple[AgentKind, ...]], tuple[Tool, ...]]
    tracer: Tracer
    planning: Planning
    delegation: DelegationLimits
    skill_tools: Callable[[SkillShelf], tuple[Tool, ...]]
    enforce_skill_tools: bool

    def with_habits(self, habits: Habits | None) -> SessionParts:
        """The parts of a session that works like this; None as the agent does."""
        return self if habits is None else msgspec.structs.replace(self, **msgspec.structs.asdict(habits))


class Habits(msgspec.Struct, frozen=True):
    """How sessions in one directory work, where that may differ from one directory to another.

    The attributes mean what they mean in `AgentParts`.
    """

    max_steps: int
    compact_at: float
    planning: Planning
    delegation: DelegationLimits
    enforce_skill_tools: bool
