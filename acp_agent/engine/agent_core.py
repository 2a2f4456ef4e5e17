"""The sessions of one agent: opening, finding, listing, closing. The one engine behind every front door."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import anyio
import msgspec
from anyio.abc import TaskGroup

from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.errors import ProviderError, SessionNotFound
from acp_agent.base.ids import IdSource, MessageId, SessionId, random_id
from acp_agent.base.trace import Tracer
from acp_agent.engine.aids.aids import Equip
from acp_agent.engine.claiming import claimed
from acp_agent.engine.context.instructions import ClientPrompt
from acp_agent.engine.context.lookout import LookAround, nothing_around
from acp_agent.engine.context.size import COMPACT_AT
from acp_agent.engine.equipping import equip, oversee
from acp_agent.engine.forking import Source
from acp_agent.engine.options import Chosen
from acp_agent.engine.permission.rules import Rules
from acp_agent.engine.session import Session
from acp_agent.engine.session_parts import Habits, SessionParts
from acp_agent.engine.shelf import Shelf
from acp_agent.model import events
from acp_agent.model.mcp import McpServer
from acp_agent.model.planning import Planning
from acp_agent.model.session import ModeId, ModelInfo, SessionRecord
from acp_agent.model.subagent import AgentKind, DelegationLimits
from acp_agent.ports import (
    Host,
    MessageChannel,
    Provider,
    ServerContext,
    SessionPage,
    SessionStore,
    SkillShelf,
    Tool,
    ToolSource,
    Workspace,
)

if TYPE_CHECKING:
    from acp_agent.engine.watch import Watch

logger = logging.getLogger(__name__)

PAGE_SIZE = 50
"""Sessions in one page of a list."""


class AgentParts(msgspec.Struct, frozen=True):
    """What an agent is composed of; the composition root fills it in.

    Attributes:
        store: where journals live.
        providers: models by provider name.
        tools: built-in tools, in the order models see them.
        connect: makes the tool source for one MCP server of a session.
        resource_tools: makes the tools that list and read what the sources of a session have.
        max_steps: model requests of one turn.
        tracer: makes the spans of turns, model requests and tool calls.
        remember: told, by option id, whatever a user chooses in any session.
        task_tools: makes the tools by which models delegate to subagents of these kinds.
        compact_at: share of the model's context at which room is made in it, 0 for only when it is full.
        planning: how prompts are planned.
        delegation: how sessions delegate to subagents.
        skill_tools: makes the tools by which models use the skills of a session.
        enforce_skill_tools: while skills are in use, only calls that they say they need may run.
    """

    store: SessionStore
    providers: Mapping[str, Provider]
    tools: tuple[Tool, ...]
    connect: Callable[[McpServer, ServerContext], ToolSource]
    resource_tools: Callable[[Callable[[], tuple[ToolSource, ...]]], tuple[Tool, ...]] = lambda _sources: ()
    max_steps: int = 50
    remember: Callable[[str, str | bool], None] = lambda _option_id, _value: None
    compact_at: float = COMPACT_AT
    task_tools: Callable[[tuple[AgentKind, ...]], tuple[Tool, ...]] = lambda _kinds: ()
    tracer: Tracer = Tracer()
    planning: Planning = Planning()
    delegation: DelegationLimits = DelegationLimits()
    skill_tools: Callable[[SkillShelf], tuple[Tool, ...]] = lambda _shelf: ()
    enforce_skill_tools: bool = False
    new_id: IdSource = random_id
    clock: Clock = utc_now


class Defaults(msgspec.Struct, frozen=True):
    """What the settings say about sessions in one directory.

    Attributes:
        model: the model new sessions start with.
        mode: the mode new sessions start with.
        servers: MCP servers every session gets; those its client names win over equal names.
        warnings: sentences to show at the start of the session, such as settings that were ignored.
        rules: which calls are allowed, asked about or denied, whatever the mode.
        look_around: looks for instructions, commands and subagents in files; once in each turn, so be quick.
        chosen: values of further options that new sessions start with, by option id.
        watch: who is to watch over the session: hooks, limits; None for nobody.
        equip: makes its memory, providers of context and security; None for none.
        habits: how sessions work there; None for as the agent's parts say.
    """

    model: str
    mode: ModeId = "ask"
    servers: tuple[McpServer, ...] = ()
    warnings: tuple[str, ...] = ()
    rules: Rules = Rules()
    look_around: LookAround = nothing_around
    chosen: Chosen = {}
    watch: Watch | None = None
    equip: Equip | None = None
    habits: Habits | None = None


class Opening(msgspec.Struct, frozen=True):
    """Who opens a session, where, with what; without a `client_prompt` it keeps the one it has.

    `servers` are the MCP servers that the client names; `channel` leads to those that it is. `labels` are
    for the record of a new session.
    """

    host: Host
    workspace: Workspace
    defaults: Defaults
    servers: tuple[McpServer, ...] = ()
    channel: MessageChannel | None = None
    client_prompt: ClientPrompt | None = None
    labels: Mapping[str, str] = {}

    @property
    def all_servers(self) -> tuple[McpServer, ...]:
        """Every server of the session; of several with one name the last counts."""
        return (*self.defaults.servers, *self.servers)


class AgentCore:
    """Live sessions by id, over one store. `tasks` owns their actors, so it must outlive them."""

    def __init__(self, parts: AgentParts, tasks: TaskGroup) -> None:
        self._parts = parts
        self._providers = parts.providers
        self._retired: list[Provider] = []  # turns may still be using them; closed at the end
        self._tasks = tasks
        self._live: dict[SessionId, Session] = {}
        self._opening = anyio.Lock(fast_acquire=True)  # two loads of one session must find one actor
        self.shelf = Shelf(parts.store, parts.clock, self._live, self._opening)
        self._session_parts = SessionParts(
            store=parts.store,
            tools={tool.spec.name: tool for tool in parts.tools},
            models=self._models,
            choose_model=self._choose_model,
            new_id=parts.new_id,
            clock=parts.clock,
            max_steps=parts.max_steps,
            remember=parts.remember,
            compact_at=parts.compact_at,
            # Most sessions have the same kinds; what models are told of them is worked out once.
            task_tools=functools.lru_cache(maxsize=8)(parts.task_tools),
            connect=parts.connect,
            resource_tools=parts.resource_tools,
            tracer=parts.tracer,
            planning=parts.planning,
            delegation=parts.delegation,
            skill_tools=parts.skill_tools,
            enforce_skill_tools=parts.enforce_skill_tools,
        )

    def create(self, session_id: SessionId, opening: Opening) -> Session:
        """A new session; it starts to live on the next turn of the event loop."""
        now = self._parts.clock()
        roots = [str(root) for root in opening.workspace.roots]
        record = SessionRecord(
            id=session_id,
            cwd=roots[0],
            created_at=now,
            updated_at=now,
            mode=opening.defaults.mode,
            model=opening.defaults.model,
            labels=dict(opening.labels),
        )
        session = self._build(record, opening, opening.defaults.chosen)
        self._start(session)
        return session

    def new_session_id(self) -> SessionId:
        """An id for `create`."""
        return SessionId(self._parts.new_id("sess"))

    async def open(self, session_id: SessionId, opening: Opening) -> Session:
        """A stored or live session, now talking to `opening.host`.

        A live one keeps its actor, whatever it is doing.

        Raises:
            SessionNotFound: nobody has heard of it.
            SessionInUse: another process works in it.
            StoreError: the store cannot be read.
        """
        async with self._opening:
            live = self._live.get(session_id)
            if live is not None and live.is_closed:
                await live.close()  # wait for its end, then open what it stored
                live = None
            if live is not None:
                live.host = opening.host
                moved = live.workspace.roots != opening.workspace.roots
                live.workspace = opening.workspace
                live.rules = opening.defaults.rules
                live.lookout.look_around = opening.defaults.look_around
                oversee(live, opening.defaults.watch)
                live.client_prompt = opening.client_prompt or live.client_prompt
                live.sources.use(opening.all_servers, opening.channel)
                if moved:
                    live.sources.roots_changed()
                return live
            async with claimed(self._parts.store, session_id):
                record = await self._parts.store.get(session_id)
                if record is None:
                    raise SessionNotFound(session_id)
                record = msgspec.structs.replace(record, model=record.model or opening.defaults.model)
                session = self._build(record, opening, {})
                await session.restore()
            self._start(session)
            return session

    async def fork(
        self, source_id: SessionId, session_id: SessionId, opening: Opening, *, at: MessageId | None = None
    ) -> Session:
        """A new session with the history of another one, which goes on as it was.

        With `at` the history ends at that message, as `events_up_to` says. What is in the middle of a turn is
        closed as interrupted in the new session.

        Raises:
            SessionNotFound: nobody has heard of the source.
            InvalidChoice: it has no such message.
            StoreError: the store cannot be read or written.
        """
        async with self._opening:
            source = Source(source_id, self._live.get(source_id), self._parts.store)
            record = await source.fork(session_id, self._parts.clock(), at=at)
        session = self._build(record, opening, {})
        if record.n_events:
            await session.restore()
            if record.title is not None and record.title != session.state.title:  # given after `at`
                await session.journal.record(events.TitleChanged(record.title, record.updated_at))
            session.state.updated_at = record.updated_at
            await session.save_record()
        self._start(session)
        return session

    def cancel(self, session_id: str) -> None:
        """Cancel what a live session does, or one of its subagents, at once.

        Raises:
            SessionNotFound: none of this id is open here.
        """
        if SessionId(session_id) not in self._live and any(
            session.subagents.cancel(session_id) for session in self._live.values()
        ):
            return
        self.get(session_id).cancel()

    def get(self, session_id: str) -> Session:
        """The live session.

        Raises:
            SessionNotFound: it is not open here.
        """
        session = self._live.get(SessionId(session_id))
        if session is None:
            raise SessionNotFound(session_id)
        return session

    async def list(
        self, *, cwd: str | None, cursor: str | None, archived: bool | None = False
    ) -> SessionPage:
        """Stored sessions, last changed first; live ones nobody spoke in yet lead the first page.

        `archived` asks for those put away, all others, or (None) both.
        """
        page = await self._parts.store.list(cwd=cwd, cursor=cursor, limit=PAGE_SIZE, archived=archived)
        if cursor is not None or archived:
            return page
        stored = {record.id for record in page.sessions}
        fresh = [
            session.record
            for session in reversed(self._live.values())
            if not session.journal.has_record
            and session.id not in stored
            and cwd in (None, session.record.cwd)
        ]
        return SessionPage((*fresh, *page.sessions), page.next_cursor)

    async def close(self, session_id: str) -> None:
        """End a live session; its history stays.

        Raises:
            SessionNotFound: it is not open here.
        """
        await self.get(session_id).close()

    async def delete(self, session_id: str) -> None:
        """End and forget a session; an unknown one is forgotten already."""
        live = self._live.get(SessionId(session_id))
        if live is not None:
            await live.close()
        await self._parts.store.delete(SessionId(session_id))

    def use_providers(self, providers: Mapping[str, Provider]) -> None:
        """Ask these from the next step on, in every session."""
        self._retired += self._providers.values()
        self._providers = providers

    async def aclose(self) -> None:
        """End all sessions, then close providers and store."""
        async with anyio.create_task_group() as closing:
            for session in list(self._live.values()):
                closing.start_soon(session.close)
        for provider in (*self._retired, *self._providers.values()):
            await provider.aclose()
        await self._parts.store.aclose()

    def _build(self, record: SessionRecord, opening: Opening, chosen: Chosen) -> Session:
        if opening.client_prompt is not None:
            record = msgspec.structs.replace(
                record,
                system_prompt=opening.client_prompt.text,
                system_prompt_replaces=opening.client_prompt.replaces_rules,
            )
        warnings = [
            f"Several MCP servers are called `{name}`; only the last one is used"
            for name, n in Counter(server.name for server in opening.servers).items()
            if n > 1
        ]
        warnings += [
            f"A permission rule is about the tool `{tool}`, which does not exist"
            for tool in opening.defaults.rules.unknown_tools(self._session_parts.tools)
        ]
        session = Session(
            record,
            self._session_parts.with_habits(opening.defaults.habits),
            opening.host,
            opening.workspace,
            servers=opening.all_servers,
            channel=opening.channel,
            warnings=(*opening.defaults.warnings, *warnings),
            rules=opening.defaults.rules,
            chosen=chosen,
            look_around=opening.defaults.look_around,
        )
        oversee(session, opening.defaults.watch)
        equip(session, opening.defaults.equip)
        return session

    def _start(self, session: Session) -> None:
        self._live[session.id] = session
        self._tasks.start_soon(self._live_until_closed, session)

    async def _live_until_closed(self, session: Session) -> None:
        try:
            await session.run()
        finally:
            session.aids.close()
            self._live.pop(session.id, None)

    def _models(self) -> tuple[ModelInfo, ...]:
        return tuple(model for provider in self._providers.values() for model in provider.models())

    def _choose_model(self, model_id: str) -> tuple[Provider, ModelInfo]:
        name = model_id.partition("/")[0]
        provider = self._providers.get(name)
        if provider is not None:
            for model in provider.models():
                if model.id == model_id:
                    return provider, model
        raise ProviderError(
            f"model `{model_id}` is not configured",
            fault="not_configured",
            provider=name,
            hint="choose another model, or run `acp-agent doctor` to see what is missing",
        )
