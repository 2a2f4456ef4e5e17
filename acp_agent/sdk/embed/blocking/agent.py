"""An agent whose methods wait for their results: its event loop has a thread of its own."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Self, Unpack

from acp_agent.sdk.embed.agent import AsyncAgent, OptionsLike
from acp_agent.sdk.embed.blocking.loop_thread import LoopThread
from acp_agent.sdk.embed.blocking.session import Session
from acp_agent.sdk.embed.delegation.workers import Worker
from acp_agent.sdk.embed.opening.config_source import ConfigLike
from acp_agent.sdk.embed.options.fields import OptionFields, PathLike
from acp_agent.sdk.embed.options.session_options import gather
from acp_agent.sdk.embed.sessions.session import AsyncSession
from acp_agent.sdk.embed.stores.session_data import JournalStore, SessionStore


class Agent:
    """Settings, and the sessions that are open. See `AsyncAgent` for each method.

    It may be used from any thread, within a running event loop too. It is closed when it is forgotten, and at
    the end of the program.
    """

    def __init__(self, config: ConfigLike | None = None, *, env: Mapping[str, str] | None = None) -> None:
        self._loop = LoopThread(AsyncAgent.create(config, env=env))
        self._inner = self._loop.agent
        weakref.finalize(self, self._loop.shut)

    @classmethod
    def create(cls, config: ConfigLike | None = None, *, env: Mapping[str, str] | None = None) -> Self:
        """An agent with these settings: a path, a text or a mapping; None for what the environment says.

        Raises:
            ConfigInvalid: they cannot be used.
        """
        return cls(config, env=env)

    @classmethod
    def from_config(cls, config: Mapping[str, object], *, env: Mapping[str, str] | None = None) -> Self:
        """An agent with the settings in a mapping."""
        return cls.create(config, env=env)

    def session(
        self, workspace: PathLike, options: OptionsLike = None, **more: Unpack[OptionFields]
    ) -> Session:
        """A new session in this folder."""
        return self._handle(self._loop.call(self._inner.session, workspace, gather(options, more)))

    def session_for_agent(
        self,
        workspace: PathLike,
        name: str,
        agent_dirs: Sequence[PathLike] | None = None,
        options: OptionsLike = None,
    ) -> Session:
        """A new session that is what the definition of this name says."""
        made = self._loop.call(self._inner.session_for_agent, workspace, name, agent_dirs, options)
        return self._handle(made)

    def session_for_worker(
        self, workspace: PathLike, spec: Worker, options: OptionsLike = None, **more: Unpack[OptionFields]
    ) -> Session:
        """A new session that is what the program's own definition says."""
        made = self._loop.call(self._inner.session_for_worker, workspace, spec, gather(options, more))
        return self._handle(made)

    def resume_session(
        self, saved_id: str, /, options: OptionsLike = None, **more: Unpack[OptionFields]
    ) -> Session:
        """Go on with a saved session, as it was saved; what the options say wins."""
        return self._handle(self._loop.call(self._inner.resume_session, saved_id, gather(options, more)))

    def resume(self, saved_id: str, /, options: OptionsLike = None, **more: Unpack[OptionFields]) -> Session:
        """The same as `resume_session`."""
        return self.resume_session(saved_id, options, **more)

    def list_sessions(self) -> list[str]:
        """The ids of live sessions, sorted."""
        return [] if self._loop.is_over else self._loop.call(self._inner.list_sessions)

    def list_saved_sessions(self, store: SessionStore | JournalStore | None = None) -> list[str]:
        """The ids of the sessions in the store, or in the one of the settings, sorted."""
        return self._loop.call(self._inner.list_saved_sessions, store)

    def close_session(self, session_id: str) -> bool:
        """Close a live session; False if there is none of this id."""
        return False if self._loop.is_over else self._loop.call(self._inner.close_session, session_id)

    def delete_session(self, session_id: str, store: SessionStore | JournalStore | None = None) -> bool:
        """Close it, and delete what is saved of it; False if nothing was."""
        return self._loop.call(self._inner.delete_session, session_id, store)

    def refresh_mcp_tools(self) -> int:
        """Connect MCP servers of live sessions again that failed; how many tools all of them offer now."""
        return self._loop.call(self._inner.refresh_mcp_tools)

    def disconnect_idle_mcp(self, idle_ms: int) -> list[str]:
        """Let the MCP servers go of sessions that had no run for so long; their names, sorted."""
        return self._loop.call(self._inner.disconnect_idle_mcp, idle_ms)

    def close(self) -> None:
        """Close all sessions and stores; no more can be opened."""
        self._loop.shut()

    def is_closed(self) -> bool:
        """Whether it is closed."""
        return self._inner.is_closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _handle(self, session: AsyncSession) -> Session:
        return Session(session, self._loop, self)
