"""Opening a session for a program: its options turned into what the engine takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from acp_agent.base.ids import SessionId, random_id
from acp_agent.engine.agent_core import AgentCore, AgentParts, Opening
from acp_agent.engine.session import Session
from acp_agent.model.events import Event
from acp_agent.ports import SessionStore, Tool
from acp_agent.sdk.agent import Agent as EngineAgent
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.host import SessionHost
from acp_agent.sdk.embed.keeping import Keeping
from acp_agent.sdk.embed.opening_parts import (
    Plan,
    changed_parts,
    chosen_model,
    client_prompt,
    kept_labels,
    limits_of,
    policy_of,
    servers_of,
    session_defaults,
)
from acp_agent.sdk.embed.permission import ConfirmationPolicy
from acp_agent.sdk.embed.resilience import RunGuard
from acp_agent.stores.memory import MemoryStore


class Opened:
    """A session of the engine, and everything that belongs to it."""

    def __init__(
        self,
        session: Session,
        host: SessionHost,
        guard: RunGuard,
        keeping: Keeping,
        make_core: Callable[[SessionStore], AgentCore],
        opening: Opening,
        tools: Mapping[str, Tool],
        *,
        auto_save: bool,
    ) -> None:
        self.session = session
        self.host = host
        self.guard = guard
        self.keeping = keeping
        self.auto_save = auto_save
        self.warnings = opening.defaults.warnings
        self._make_core = make_core
        self._opening = opening
        self._tools = tools
        self._aside: Session | None = None

    def tools(self) -> dict[str, Tool]:
        """The tools there are now, by name."""
        tools = {**self._tools, **{tool.spec.name: tool for tool in self.session.subagents.tools}}
        for tool in self.session.sources.tools():
            tools.setdefault(tool.spec.name, tool)
        return tools

    def live(self) -> list[Session]:
        """The session, and the one on another history if there is one now."""
        return [self.session] if self._aside is None else [self.session, self._aside]

    @asynccontextmanager
    async def aside(self, past: Sequence[Event]) -> AsyncGenerator[Session]:
        """A session like this one with another past, that is forgotten at the end."""
        store = MemoryStore()
        session_id = SessionId(random_id("aside"))
        await store.create(msgspec.structs.replace(self.session.record, id=session_id, n_events=0))
        await store.append(session_id, past)
        session = self._aside = await self._make_core(store).open(session_id, self._opening)
        _tell(session, self._opening)
        try:
            yield session
        finally:
            self._aside = None
            await session.close()

    async def close(self) -> None:
        """End the session and let others have it."""
        if self._aside is not None:
            await self._aside.close()
        await self.session.close()
        await self.keeping.release(self.session.id)


async def resume(agent: EngineAgent, plan: Plan, keeping: Keeping) -> Opened:
    """Open a saved session that `keeping` has found."""
    prepared = _Prepared(agent, plan, keeping)
    async for event in keeping.journals.read(plan.session_id):
        prepared.host.restore(event)
    session = await prepared.core(keeping.journals).open(plan.session_id, prepared.opening)
    model = prepared.model
    if model is not None and model != session.state.model:
        await session.set_model(model)
    return prepared.opened(session)


def begin(agent: EngineAgent, plan: Plan, keeping: Keeping) -> Opened:
    """Open a new session."""
    prepared = _Prepared(agent, plan, keeping)
    return prepared.opened(prepared.core(keeping.journals).create(plan.session_id, prepared.opening))


class _Prepared:
    def __init__(self, agent: EngineAgent, plan: Plan, keeping: Keeping) -> None:
        options = plan.options
        self._agent = agent
        self._plan = plan
        self._keeping = keeping
        self._guard = RunGuard(limits_of(options))
        self._parts: AgentParts | None = None
        self.core(MemoryStore())  # learns the parts
        parts = self._known_parts()
        self.model = chosen_model(plan, parts.providers)
        policy = policy_of(plan)
        confirmation = None
        if options.confirmation_policy is not None:
            confirmation = ConfirmationPolicy.of(options.confirmation_policy)
        self.host = SessionHost(plan.session_id, parts.max_steps, confirmation, options.confirmation_manager)
        self.opening = Opening(
            self.host,
            agent.workspace((plan.cwd,)),
            session_defaults(agent.defaults(plan.cwd), plan, self.model, policy),
            servers_of(options),
            client_prompt=client_prompt(plan),
            labels=kept_labels(plan, policy),
        )

    def core(self, store: SessionStore) -> AgentCore:
        def change(parts: AgentParts) -> AgentParts:
            self._parts = changed = changed_parts(parts, self._plan, self._guard, store)
            return changed

        return self._agent.core_with(change)

    def opened(self, session: Session) -> Opened:
        _tell(session, self.opening)
        return Opened(
            session,
            self.host,
            self._guard,
            self._keeping,
            self.core,
            self.opening,
            {tool.spec.name: tool for tool in self._known_parts().tools},
            auto_save=self._plan.options.auto_save is True,
        )

    def _known_parts(self) -> AgentParts:
        if self._parts is None:
            raise ConfigInvalid("the agent's settings cannot be used")
        return self._parts


def _tell(session: Session, opening: Opening) -> None:
    """Say who the model is to be, which the session's record does not hold."""
    if opening.client_prompt is not None:
        session.client_prompt = opening.client_prompt
