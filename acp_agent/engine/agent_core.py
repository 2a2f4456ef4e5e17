"""The sessions of one agent: opening, finding, listing, closing. The one engine behind every front door."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio
import msgspec
from anyio.abc import TaskGroup

from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.errors import ProviderError, SessionNotFound
from acp_agent.base.ids import IdSource, SessionId, random_id
from acp_agent.engine.rules import Rules
from acp_agent.engine.session import Session, SessionParts
from acp_agent.model.mcp import McpServer
from acp_agent.model.session import ModeId, ModelInfo, SessionRecord
from acp_agent.ports import Host, Provider, SessionPage, SessionStore, Tool, ToolSource, Workspace

logger = logging.getLogger(__name__)

PAGE_SIZE = 50
"""Sessions in one page of a list."""


class AgentParts(msgspec.Struct, frozen=True):
    """What an agent is composed of; the composition root fills it in.

    Attributes:
        store: where journals live.
        providers: models by provider name.
        tools: built-in tools, in the order models see them.
        connect: makes the tool source for one MCP server of a session in a working directory.
        max_steps: model requests of one turn.
    """

    store: SessionStore
    providers: Mapping[str, Provider]
    tools: tuple[Tool, ...]
    connect: Callable[[McpServer, Path], ToolSource]
    max_steps: int = 50
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
    """

    model: str
    mode: ModeId = "ask"
    servers: tuple[McpServer, ...] = ()
    warnings: tuple[str, ...] = ()
    rules: Rules = Rules()


class Opening(msgspec.Struct, frozen=True):
    """Who opens a session, where, with what."""

    host: Host
    workspace: Workspace
    defaults: Defaults
    servers: tuple[McpServer, ...] = ()


class AgentCore:
    """Live sessions by id, over one store. `tasks` owns their actors, so it must outlive them."""

    def __init__(self, parts: AgentParts, tasks: TaskGroup) -> None:
        self._parts = parts
        self._providers = parts.providers
        self._retired: list[Provider] = []  # turns may still be using them; closed at the end
        self._tasks = tasks
        self._live: dict[SessionId, Session] = {}
        self._opening = anyio.Lock(fast_acquire=True)  # two loads of one session must find one actor
        self._session_parts = SessionParts(
            store=parts.store,
            tools={tool.spec.name: tool for tool in parts.tools},
            models=self._models,
            choose_model=self._choose_model,
            new_id=parts.new_id,
            clock=parts.clock,
            max_steps=parts.max_steps,
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
            additional_directories=tuple(roots[1:]),
            mode=opening.defaults.mode,
            model=opening.defaults.model,
        )
        session = self._build(record, opening)
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
            StoreError: the store cannot be read.
        """
        async with self._opening:
            live = self._live.get(session_id)
            if live is not None and live.is_closed:
                await live.close()  # wait for its end, then open what it stored
                live = None
            if live is not None:
                live.host = opening.host
                live.workspace = opening.workspace
                live.rules = opening.defaults.rules
                return live
            record = await self._parts.store.get(session_id)
            if record is None:
                raise SessionNotFound(session_id)
            roots = [str(root) for root in opening.workspace.roots]
            record = msgspec.structs.replace(
                record,
                cwd=roots[0],
                additional_directories=tuple(roots[1:]),
                model=record.model or opening.defaults.model,
            )
            session = self._build(record, opening)
            await session.restore()
            self._start(session)
            return session

    def get(self, session_id: str) -> Session:
        """The live session.

        Raises:
            SessionNotFound: it is not open here.
        """
        session = self._live.get(SessionId(session_id))
        if session is None:
            raise SessionNotFound(session_id)
        return session

    async def list(self, *, cwd: str | None, cursor: str | None) -> SessionPage:
        """Stored sessions, last changed first; live ones nobody spoke in yet lead the first page."""
        page = await self._parts.store.list(cwd=cwd, cursor=cursor, limit=PAGE_SIZE)
        if cursor is not None:
            return page
        stored = {record.id for record in page.sessions}
        fresh = [
            session.record
            for session in reversed(self._live.values())
            if session.record.title is None and session.id not in stored and cwd in (None, session.record.cwd)
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

    def _build(self, record: SessionRecord, opening: Opening) -> Session:
        named = {server.name: server for server in (*opening.defaults.servers, *opening.servers)}
        names = [server.name for server in opening.servers]
        warnings = [
            f"Several MCP servers are called `{name}`; only the last one is used"
            for name in named
            if names.count(name) > 1
        ]
        warnings += [
            f"A permission rule is about the tool `{tool}`, which does not exist"
            for tool in opening.defaults.rules.unknown_tools(self._session_parts.tools)
        ]
        cwd = opening.workspace.roots[0]
        sources: Sequence[ToolSource] = [self._parts.connect(server, cwd) for server in named.values()]
        return Session(
            record,
            self._session_parts,
            opening.host,
            opening.workspace,
            sources=sources,
            warnings=(*opening.defaults.warnings, *warnings),
            rules=opening.defaults.rules,
        )

    def _start(self, session: Session) -> None:
        self._live[session.id] = session
        self._tasks.start_soon(self._live_until_closed, session)

    async def _live_until_closed(self, session: Session) -> None:
        try:
            await session.run()
        finally:
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
