"""An agent as a program has it: settings, and the sessions that are open."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import anyio
import msgspec
from anyio import to_thread
from anyio.abc import TaskGroup
from anyio.from_thread import BlockingPortal

from acp_agent.base.errors import ConfigError
from acp_agent.base.ids import SessionId, random_id
from acp_agent.base.paths import find_places
from acp_agent.engine.subagents.kinds import find_kind, known_kinds
from acp_agent.model.subagent import AgentKind
from acp_agent.sdk.agent import Agent as EngineAgent
from acp_agent.sdk.agent import open_agent
from acp_agent.sdk.embed.delegation.workers import Worker, worker_kind
from acp_agent.sdk.embed.errors import AgentClosed, ConfigInvalid, StoreMissing
from acp_agent.sdk.embed.opening.config_source import AgentSettings, ConfigLike, read_config
from acp_agent.sdk.embed.opening.parts import Plan
from acp_agent.sdk.embed.opening.session_opening import Opened, begin, resume
from acp_agent.sdk.embed.options.checking import check_values
from acp_agent.sdk.embed.options.fields import OptionFields, PathLike
from acp_agent.sdk.embed.options.host_env import HostEnv
from acp_agent.sdk.embed.options.session_options import SessionOptions, gather
from acp_agent.sdk.embed.sessions.session import AsyncSession
from acp_agent.sdk.embed.stores.keeping import KeptNowhere
from acp_agent.sdk.embed.stores.known_stores import ConfiguredStore, KnownStores
from acp_agent.sdk.embed.stores.session_data import JournalStore, SessionStore
from acp_agent.sdk.folders.agents import AgentFiles
from acp_agent.sdk.settings.config import load_config

OptionsLike = SessionOptions | Mapping[str, Any] | None
"""Options as an object or a mapping."""


class AsyncAgent:
    """Use it as a context: `async with AsyncAgent.create("agent.toml") as agent:`.

    Sessions that the program has forgotten are closed in time; the agent does not keep them alive.
    """

    def __init__(self, settings: AgentSettings, env: Mapping[str, str]) -> None:
        self._settings = settings
        self._env = env
        self._places = find_places(env)
        self._stack = AsyncExitStack()
        self._engine: EngineAgent | None = None
        self._tasks: TaskGroup | None = None
        self._portal: BlockingPortal | None = None
        self._thread = 0
        self._closed = False
        self._handles: weakref.WeakValueDictionary[str, AsyncSession] = weakref.WeakValueDictionary()
        self._open: dict[str, Opened] = {}  # by key of the handle; closed when their handle is gone
        self._closing: set[str] = set()  # keys of those that are being closed
        self._stores = KnownStores()

    @classmethod
    def create(cls, config: ConfigLike | None = None, *, env: Mapping[str, str] | None = None) -> Self:
        """An agent with these settings: a path, a text or a mapping; None for what the environment says.

        `env` stands in place of the process's environment.

        Raises:
            ConfigInvalid: they cannot be used.
        """
        env = dict(os.environ if env is None else env)
        settings = read_config(config, env)
        try:
            load_config(cwd=None, env=env, given=(settings.file, settings.source))
        except ConfigError as exc:
            raise ConfigInvalid(str(exc), hint=exc.hint) from exc
        return cls(settings, env)

    @classmethod
    def from_config(cls, config: Mapping[str, object], *, env: Mapping[str, str] | None = None) -> Self:
        """An agent with the settings in a mapping."""
        return cls.create(config, env=env)

    @property
    def portal(self) -> BlockingPortal:
        """The way into its event loop for other threads.

        Raises:
            AgentClosed: it does not run.
        """
        if self._portal is None:
            raise AgentClosed
        return self._portal

    def session(
        self, workspace: PathLike, options: OptionsLike = None, **more: Unpack[OptionFields]
    ) -> AsyncSession:
        """A new session in this folder.

        Raises:
            ConfigInvalid: an option cannot be used.
            SessionClosed: the agent is closed.
        """
        return self._begin(workspace, gather(options, more))

    async def session_for_agent(
        self,
        workspace: PathLike,
        name: str,
        agent_dirs: Sequence[PathLike] | None = None,
        options: OptionsLike = None,
    ) -> AsyncSession:
        """A new session that is what the definition of this name says.

        It is looked for among the built-in ones, the user's, the project's if that is trusted, and those in
        `agent_dirs`; the last one counts.

        Raises:
            ConfigInvalid: there is none of this name.
        """
        gathered = gather(options, {})
        if agent_dirs:
            check_values({"agent_dirs": agent_dirs})
            gathered.agent_dirs = [*(gathered.agent_dirs or ()), *agent_dirs]
        folders = self._folders(gathered.agent_dirs, self._settings.agent_dirs)
        given = [worker_kind(worker) for worker in gathered.worker_agents or ()]
        files = AgentFiles(self._places, self._cwd(workspace), folders, given)
        kinds = known_kinds((await to_thread.run_sync(files.find)).kinds)
        kind = find_kind(kinds, name)
        if kind is None:
            raise ConfigInvalid(f"no agent definition `{name}`", hint=f"known: {', '.join(kinds)}")
        return self._begin(workspace, gathered, kind)

    def session_for_worker(
        self, workspace: PathLike, spec: Worker, options: OptionsLike = None, **more: Unpack[OptionFields]
    ) -> AsyncSession:
        """A new session that is what the program's own definition says.

        Raises:
            ConfigInvalid: the definition or an option cannot be used.
        """
        return self._begin(workspace, gather(options, more), worker_kind(spec))

    async def resume_session(
        self, saved_id: str, /, options: OptionsLike = None, **more: Unpack[OptionFields]
    ) -> AsyncSession:
        """Go on with a saved session, as it was saved; what the options say wins.

        A live one of the same id is closed first.

        Raises:
            StoreMissing: no store is set.
            SessionNotFound: the store does not have it.
            PersistenceFailed: it cannot be read.
            SessionInUse: another process has it.
        """
        engine = self._running()
        gathered = gather(options, more)
        keeping = self._stores.keeping(gathered)
        if isinstance(keeping, KeptNowhere):
            raise StoreMissing("resume_session")
        await self._free(saved_id)
        record = await keeping.find(SessionId(saved_id))
        plan = self._plan(Path(record.cwd), gathered, saved_id)
        try:
            opened = await resume(engine, msgspec.structs.replace(plan, resumed=record), keeping)
        except BaseException:
            await keeping.release(SessionId(saved_id))
            raise
        return self._handle(opened)

    async def resume(
        self, saved_id: str, /, options: OptionsLike = None, **more: Unpack[OptionFields]
    ) -> AsyncSession:
        """The same as `resume_session`."""
        return await self.resume_session(saved_id, options, **more)

    def list_sessions(self) -> list[str]:
        """The ids of live sessions, sorted."""
        self._prune()
        return sorted({str(handle.session_id) for handle in self._live()})

    async def list_saved_sessions(self, store: SessionStore | JournalStore | None = None) -> list[str]:
        """The ids of the sessions in the store, or in the one of the settings, sorted.

        Raises:
            StoreMissing: no store is set.
            PersistenceFailed: it cannot be read.
        """
        return await self._stores.list(store)

    async def close_session(self, session_id: str) -> bool:
        """Close a live session; False if there is none of this id."""
        live = [handle for handle in self._live() if handle.session_id == session_id]
        for handle in live:
            await handle.close()
        self._prune()
        return bool(live)

    async def delete_session(self, session_id: str, store: SessionStore | JournalStore | None = None) -> bool:
        """Close it, and delete what is saved of it; False if nothing was.

        Raises:
            StoreMissing: no store is set.
        """
        if not self._stores.has(store):
            raise StoreMissing("delete_session")
        await self._free(session_id)
        return await self._stores.delete(session_id, store)

    async def refresh_mcp_tools(self) -> int:
        """Connect MCP servers of live sessions again that failed; how many tools all of them offer now."""
        self._running()
        return sum([await handle.refresh_mcp_tools() for handle in self._live()])

    async def disconnect_idle_mcp(self, idle_ms: int) -> list[str]:
        """Let the MCP servers go of sessions that had no run for so long; their names, sorted.

        They are connected again when the session begins its next run.
        """
        self._running()
        names = {name for handle in self._live() for name in handle.let_go_idle_mcp(idle_ms)}
        return sorted(names)

    async def close(self) -> None:
        """Close all sessions and stores; no more can be opened. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        with anyio.CancelScope(shield=True):
            for handle in list(self._handles.values()):
                await handle.close()
            for opened in list(self._open.values()):  # one that was forgotten may be taken out meanwhile
                await opened.close()
            self._open.clear()
            await self._stores.aclose()

    def is_closed(self) -> bool:
        """Whether it is closed."""
        return self._closed

    async def __aenter__(self) -> Self:
        given = (self._settings.file, self._settings.source)
        config = load_config(cwd=None, env=self._env, given=given)
        if self._settings.has_store:
            self._stores.usual = ConfiguredStore(config.store_choice)
        elif self._settings.sessions_dir is not None:
            self._stores.use_folder(self._settings.sessions_dir)
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._portal = await self._stack.enter_async_context(BlockingPortal())
        self._engine = await self._stack.enter_async_context(
            open_agent(config, env=self._env, options={}, given=given)
        )
        self._thread = threading.get_ident()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        try:
            await self.close()
        finally:
            ended = await self._stack.__aexit__(exc_type, exc, traceback)
        return ended

    def _begin(
        self, workspace: PathLike, options: SessionOptions, kind: AgentKind | None = None
    ) -> AsyncSession:
        engine = self._running()
        session_id = options.session_id or HostEnv.of(options.host_env).ids()("sess")
        plan = self._plan(self._cwd(workspace), options, session_id)
        return self._handle(
            begin(engine, msgspec.structs.replace(plan, kind=kind), self._stores.keeping(options))
        )

    def _cwd(self, workspace: PathLike) -> Path:
        return Path(os.path.realpath(self._places.expand(os.fspath(workspace))))

    def _plan(self, cwd: Path, options: SessionOptions, session_id: str) -> Plan:
        return Plan(
            session_id=SessionId(session_id),
            cwd=cwd,
            options=options,
            places=self._places,
            skill_dirs=self._folders(options.skill_dirs, self._settings.skill_dirs),
            agent_dirs=self._folders(options.agent_dirs, self._settings.agent_dirs),
            builtin_skills=bool(
                self._settings.file.builtin_skills
                if options.builtin_skills is None
                else options.builtin_skills
            ),
            workers=[worker_kind(worker) for worker in options.worker_agents or ()],
        )

    async def _free(self, session_id: str) -> None:
        """Close the session wherever it is open here; one that was forgotten may still be at it."""
        await self.close_session(session_id)
        for opened in [one for one in self._open.values() if one.session.id == session_id]:
            await opened.close()

    def _live(self) -> list[AsyncSession]:
        return [handle for handle in self._handles.values() if not handle.is_closed()]

    def _folders(self, more: Sequence[PathLike] | None, base: tuple[Path, ...]) -> tuple[Path, ...]:
        return (*base, *(Path(os.fspath(folder)).absolute() for folder in more or ()))

    def _running(self) -> EngineAgent:
        if self._closed or self._engine is None:
            raise AgentClosed
        self._prune()
        return self._engine

    def _handle(self, opened: Opened) -> AsyncSession:
        if self._tasks is None:
            raise AgentClosed
        handle = AsyncSession(opened, self._tasks, self._in_loop)
        key = random_id("handle")
        self._handles[key] = handle
        self._open[key] = opened
        return handle

    def _in_loop(self, act: Callable[[], None]) -> None:
        if threading.get_ident() == self._thread:
            act()
        elif self._portal is not None:
            self._portal.start_task_soon(act)

    def _prune(self) -> None:
        """Close what no handle leads to any more."""
        for key in [key for key in self._open if key not in self._handles]:
            if self._tasks is not None and key not in self._closing:
                self._closing.add(key)
                self._tasks.start_soon(self._close_forgotten, key, self._open[key])

    async def _close_forgotten(self, key: str, opened: Opened) -> None:
        try:
            await opened.close()
        finally:
            self._open.pop(key, None)
            self._closing.discard(key)
