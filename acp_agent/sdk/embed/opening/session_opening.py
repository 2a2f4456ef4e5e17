"""Opening a session for a program: its options turned into what the engine takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
import msgspec

from acp_agent.base.ids import SessionId, random_id
from acp_agent.engine.agent_core import AgentCore, AgentParts, Defaults, Opening
from acp_agent.engine.equipping import oversee
from acp_agent.engine.permission.rules import Rules
from acp_agent.engine.session import Session
from acp_agent.model.events import Event
from acp_agent.ports import SessionStore, Tool, Workspace
from acp_agent.sdk.agent import Agent as EngineAgent
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.events.planning import planning_labels
from acp_agent.sdk.embed.opening.equipping import equipped
from acp_agent.sdk.embed.opening.folders import folders_of
from acp_agent.sdk.embed.opening.mcp_servers import McpServers, servers_of
from acp_agent.sdk.embed.opening.parts import (
    Frame,
    Plan,
    changed_parts,
    check_thinking,
    chosen_model,
    client_prompt,
    kept_labels,
    limits_of,
    policy_label,
    policy_of,
    rules_as,
    session_defaults,
    shown_labels,
)
from acp_agent.sdk.embed.opening.resilience import RunGuard
from acp_agent.sdk.embed.opening.watching import queue_of, timed, watched
from acp_agent.sdk.embed.options.budget import BudgetGuard
from acp_agent.sdk.embed.options.hook_engine import HookEngine
from acp_agent.sdk.embed.options.host_env import FreshIds, HostEnv, RetryConfig, sandbox_mode
from acp_agent.sdk.embed.options.permission import ConfirmationPolicy, PermissionPolicy, host_rules
from acp_agent.sdk.embed.queue.session_queue import SessionQueue
from acp_agent.sdk.embed.runs.records import RetentionLimits
from acp_agent.sdk.embed.runs.trace_log import TraceLog
from acp_agent.sdk.embed.sessions.host import SessionHost
from acp_agent.sdk.embed.stores.keeping import Keeping
from acp_agent.stores.memory import MemoryStore


class Opened:
    """A session of the engine, and everything that belongs to it."""

    def __init__(
        self,
        session: Session,
        host: SessionHost,
        keeping: Keeping,
        make_core: Callable[[SessionStore], AgentCore],
        opening: Opening,
        tools: Mapping[str, Tool],
        frame: Frame,
        plan: Plan,
        rules: Rules,
    ) -> None:
        self.session = session
        self.host = host
        self.guard = frame.guard
        self.trace = frame.trace
        self.keeping = keeping
        self.auto_save = plan.options.auto_save is True
        self.servers = McpServers(session, opening.all_servers)
        self.warnings = opening.defaults.warnings
        self._make_core = make_core
        self._opening = opening
        self._tools = tools
        self._frame = frame
        self._plan = plan
        self._settled_rules = rules  # those of the settings
        self.workers = plan.workers
        self._aside: Session | None = None
        self._saving = anyio.Lock()  # what is saved twice at once would be there twice

    async def save(self) -> None:
        """Save it as it is now.

        Raises:
            PersistenceFailed: it cannot be.
        """
        async with self._saving:
            await self.keeping.save(self.session, tuple(self.tools()), self.host.history())

    def use_policy(self, policy: PermissionPolicy) -> None:
        """Judge calls by this policy from now on, and keep it with the session."""
        options = self._plan.options
        permissive = options.permissive is True
        rules = host_rules(self._settled_rules, policy, options.permission_checker, permissive=permissive)
        for session in self.live():
            session.rules = rules_as(self._plan.kind, rules)
        self.session.labels = {**self.session.labels, **policy_label(policy)}

    @property
    def hooks(self) -> HookEngine:
        """The hooks that the program registered."""
        return self._frame.hooks

    @property
    def queue(self) -> SessionQueue | None:
        """Where its work queues, if it does."""
        watch = self._opening.defaults.watch
        return watch.lanes if watch is not None and isinstance(watch.lanes, SessionQueue) else None

    def use_budget_guard(self, guard: BudgetGuard | None) -> None:
        """Ask this guard from now on."""
        defaults = watched(self._opening.defaults, self.hooks, guard, self.queue)
        self._opening = msgspec.structs.replace(self._opening, defaults=defaults)
        for session in self.live():
            oversee(session, defaults.watch)

    def tools(self) -> dict[str, Tool]:
        """The tools there are now, by name."""
        of_session = (*self.session.subagents.tools, *self.session.toolbox.skills.tools)
        tools = {**self._tools, **{tool.spec.name: tool for tool in of_session}}
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
        session.rules = self.session.rules
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
        for provider in (self._frame.providers or {}).values():
            await provider.aclose()
        await self.keeping.release(self.session.id)


async def resume(agent: EngineAgent, plan: Plan, keeping: Keeping) -> Opened:
    """Open a saved session that `keeping` has found."""
    prepared = _Prepared(agent, plan, keeping)
    async for event in keeping.journals.read(plan.session_id):
        prepared.host.restore(event)
        prepared.take_ids(event)
    session = await prepared.core(keeping.journals).open(plan.session_id, prepared.opening)
    prepared.host.book.settle()
    session.labels = dict(prepared.opening.labels)
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
        self._parts: AgentParts | None = None
        env = HostEnv.of(options.host_env)
        limits = RetentionLimits.of(options.retention_limits or RetentionLimits())
        labels = kept_labels(plan, policy_of(plan))
        self._frame = Frame(
            RunGuard(limits_of(options)),
            env.ids(),
            env.time(),
            TraceLog(env.time(), limits.max_trace_events, lambda: shown_labels(labels)),
            agent.providers(RetryConfig.of(options.retry_config).http()) if options.retry_config else None,
            options.hook_engine or HookEngine(),
        )
        self._defaults = agent.defaults(plan.cwd)
        self.core(MemoryStore())  # learns the parts
        parts = self._known_parts()
        labels.update(planning_labels(parts.planning))
        self.model = chosen_model(plan, parts.providers)
        used = self.model or (plan.resumed.model if plan.resumed else None) or self._defaults.model
        check_thinking(options.thinking_budget, used, parts.providers)
        policy = policy_of(plan)
        confirmation = None
        if options.confirmation_policy is not None:
            confirmation = ConfirmationPolicy.of(options.confirmation_policy)
        self.host = SessionHost(
            plan.session_id,
            parts.max_steps,
            confirmation,
            options.confirmation_manager,
            limits,
            self._frame.clock,
        )
        self.opening = Opening(
            self.host,
            self._workspace(),
            self._defaults_of_session(policy),
            servers_of(options.mcp_servers),
            client_prompt=client_prompt(plan),
            labels=labels,
        )

    def _defaults_of_session(self, policy: PermissionPolicy | None) -> Defaults:
        plan, frame = self._plan, self._frame
        defaults = session_defaults(self._defaults, plan, self.model, policy, folders_of(plan))
        defaults = equipped(defaults, plan, frame.clock, frame.new_id)
        defaults = timed(defaults, plan.options.max_execution_time_ms)
        queue = queue_of(plan.options.queue_config, self.host.tell)
        return watched(defaults, frame.hooks, plan.options.budget_guard, queue)

    def take_ids(self, event: Event) -> None:
        """Give none of the ids in this event again."""
        if isinstance(self._frame.new_id, FreshIds):
            self._frame.new_id.take(event)

    def _workspace(self) -> Workspace:
        options = self._plan.options
        mode = sandbox_mode(options.sandbox)
        if options.workspace_backend is not None:
            return options.workspace_backend
        return self._agent.workspace((self._plan.cwd,), command_env=options.command_env, sandbox=mode)

    def core(self, store: SessionStore) -> AgentCore:
        def change(parts: AgentParts) -> AgentParts:
            habits = self._defaults.habits
            self._parts = changed = changed_parts(parts, self._plan, self._frame, store, habits)
            return changed

        return self._agent.core_with(change)

    def opened(self, session: Session) -> Opened:
        _tell(session, self.opening)
        if session.aids.security is not None:
            self.host.book.clean = session.aids.security.sanitize_output
        return Opened(
            session,
            self.host,
            self._keeping,
            self.core,
            self.opening,
            {tool.spec.name: tool for tool in self._known_parts().tools},
            self._frame,
            self._plan,
            self._defaults.rules,
        )

    def _known_parts(self) -> AgentParts:
        if self._parts is None:
            raise ConfigInvalid("the agent's settings cannot be used")
        return self._parts


def _tell(session: Session, opening: Opening) -> None:
    """Say who the model is to be, which the session's record does not hold."""
    if opening.client_prompt is not None:
        session.client_prompt = opening.client_prompt
