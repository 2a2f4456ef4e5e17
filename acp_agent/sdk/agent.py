"""The composition root: an agent made from settings, ready to be served or embedded."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import find_places
from acp_agent.engine.agent_core import AgentCore, AgentParts, Defaults
from acp_agent.model.mcp import McpServer
from acp_agent.ports import SessionStore, ToolSource, Workspace
from acp_agent.sdk.config import Config, load_config
from acp_agent.sdk.keys import forget_keys
from acp_agent.sdk.providers import build_providers
from acp_agent.tools.builtin import builtin_tools
from acp_agent.workspaces.local import LocalWorkspace
from acp_agent.workspaces.sandbox import Sandbox

logger = logging.getLogger(__name__)


class Agent:
    """A configured agent. Made by `open_agent`."""

    def __init__(
        self,
        core: AgentCore | ConfigError,
        env: Mapping[str, str],
        options: Mapping[str, str],
        sandbox: Sandbox,
    ) -> None:
        self._core = core
        self._env = env
        self._options = options
        self._sandbox = sandbox

    @property
    def core(self) -> AgentCore:
        """Its sessions.

        Raises:
            ConfigError: the settings cannot be used. The agent exists all the same, so that whoever talks to
                it is told what to mend.
        """
        if isinstance(self._core, ConfigError):
            raise self._core
        return self._core

    def defaults(self, cwd: Path) -> Defaults:
        """What the settings, the project's own included, say about sessions in `cwd`.

        Raises:
            ConfigError: a setting cannot be used.
        """
        config = load_config(cwd=cwd, env=self._env, cli=self._options)
        return Defaults(config.model, config.mode, config.mcp_servers, config.ignored, config.permissions)

    def workspace(self, roots: tuple[Path, ...]) -> Workspace:
        """Files and processes of this machine, confined to `roots`."""
        return LocalWorkspace(roots, self._env, self._sandbox)

    def log_in(self) -> None:
        """Take up keys and settings as they are now.

        Raises:
            ConfigError: a setting cannot be used.
        """
        config = load_config(cwd=None, env=self._env, cli=self._options)
        self.core.use_providers(build_providers(config))

    def log_out(self) -> None:
        """Forget the keys entered with `acp-agent login`; those in the environment or in settings stay.

        Raises:
            ConfigError: the keys cannot be deleted.
        """
        forget_keys(find_places(self._env))
        self.log_in()


@asynccontextmanager
async def open_agent(
    config: Config | ConfigError,
    *,
    env: Mapping[str, str],
    options: Mapping[str, str],
    before_start: Callable[[], None] = lambda: None,
) -> AsyncGenerator[Agent, None]:
    """An agent that lives as long as the context; at its end all sessions are ended and stored.

    `config` may be the error that loading it raised: the agent then says so when it is used. `before_start`
    is called before each start of a command or MCP server.
    """
    try:
        if isinstance(config, ConfigError):
            raise config
        parts = _parts(config, before_start)
        sandbox = _sandbox(config, env, before_start)
    except ConfigError as exc:
        yield Agent(exc, env, options, Sandbox("require"))
        return
    async with anyio.create_task_group() as tasks:
        core = AgentCore(parts, tasks)
        try:
            yield Agent(core, env, options, sandbox)
        finally:
            with anyio.CancelScope(shield=True):
                await core.aclose()
            await sandbox.aclose()


def _parts(config: Config, before_start: Callable[[], None]) -> AgentParts:
    def connect(server: McpServer, cwd: Path) -> ToolSource:
        from acp_agent.tools.mcp import McpSource  # lazy: only for sessions with servers

        before_start()
        return McpSource(server, cwd)

    return AgentParts(
        store=_store(config),
        providers=build_providers(config),
        tools=builtin_tools(),
        connect=connect,
        max_steps=config.max_steps,
    )


def _sandbox(config: Config, env: Mapping[str, str], before_start: Callable[[], None]) -> Sandbox:
    data_dir = find_places(env).data_dir  # holds the keys that were entered; settings files may hold others
    return Sandbox(
        config.sandbox,
        writable=config.sandbox_writable,
        hidden=(*config.files, data_dir) if data_dir else config.files,
        before_start=before_start,
    )


def _store(config: Config) -> SessionStore:
    if config.store_path is None:
        from acp_agent.stores.memory import MemoryStore  # lazy: one of two

        return MemoryStore()
    from acp_agent.stores.sqlite import SqliteStore  # lazy: the other

    return SqliteStore(config.store_path)
