"""The composition root: an agent made from settings, ready to be served or embedded."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import anyio

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import find_places
from acp_agent.engine.agent_core import AgentCore, AgentParts, Defaults
from acp_agent.engine.session_parts import Habits
from acp_agent.model.limits import Limits
from acp_agent.model.mcp import McpServer
from acp_agent.model.skill import Skill
from acp_agent.ports import Provider, ServerContext, SkillShelf, Tool, ToolSource, Workspace
from acp_agent.sdk.auth_status import auth_status
from acp_agent.sdk.choice_keeper import ChoiceKeeper
from acp_agent.sdk.command_env import without_keys
from acp_agent.sdk.equipment import equipment
from acp_agent.sdk.folders.surroundings import Folders
from acp_agent.sdk.keys import forget_keys
from acp_agent.sdk.last_choice import choice_file
from acp_agent.sdk.provider_choice import ProviderChoice
from acp_agent.sdk.providers import build_providers
from acp_agent.sdk.settings.config import Config, load_config
from acp_agent.sdk.settings.file import SettingsFile
from acp_agent.sdk.settings.store import open_store
from acp_agent.sdk.telemetry import open_tracer
from acp_agent.surface.backend import AuthStatus, ProviderRoute
from acp_agent.tools.builtin import builtin_tools
from acp_agent.tools.task import task_tools
from acp_agent.workspaces.local import LocalWorkspace
from acp_agent.workspaces.sandbox import Sandbox, SandboxChoice

if TYPE_CHECKING:
    from acp_agent.engine.watch import Watch
    from acp_agent.providers.http import HttpSettings

logger = logging.getLogger(__name__)


Given: TypeAlias = tuple[SettingsFile, Path] | None
"""Settings to use in place of the user's file, and what to call that in messages."""

ChangeParts: TypeAlias = Callable[[AgentParts], AgentParts]
"""Puts other parts into an agent."""


class Agent:
    """A configured agent. Made by `open_agent`."""

    def __init__(
        self,
        core: AgentCore | ConfigError,
        env: Mapping[str, str],
        options: Mapping[str, str],
        sandbox: Sandbox,
        given: Given = None,
        make_core: Callable[[ChangeParts], AgentCore] | None = None,
        for_commands: Mapping[str, str] | None = None,
    ) -> None:
        self._core = core
        self._env = env
        self._for_commands = env if for_commands is None else for_commands
        self._options = options
        self._sandbox = sandbox
        self._given = given
        self._make_core = make_core
        self._choice = ProviderChoice()

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

    def core_with(self, change: ChangeParts) -> AgentCore:
        """A further core with sessions of its own, made of parts that `change` returns; close its sessions.

        Raises:
            ConfigError: the settings cannot be used.
        """
        if self._make_core is None:
            return self.core  # raises
        return self._make_core(change)

    def defaults(self, cwd: Path) -> Defaults:
        """What the settings, the project's own included, say about sessions in `cwd`.

        Raises:
            ConfigError: a setting cannot be used.
        """
        config = self._choice.applied_to(self._settings(cwd))
        return Defaults(
            config.model,
            config.mode,
            config.mcp_servers,
            config.ignored,
            config.permissions,
            Folders(find_places(self._env), cwd, builtin_skills=_builtin_skills(config)).look_around,
            config.chosen,
            self._watch(config),
            equipment(config, cwd),
            _habits(config),
        )

    def workspace(
        self,
        roots: tuple[Path, ...],
        *,
        command_env: Mapping[str, str] | None = None,
        sandbox: SandboxChoice | None = None,
    ) -> Workspace:
        """Files and processes of this machine, confined to `roots`.

        Commands have `command_env` besides their usual environment, and are confined by `sandbox` if that is
        given, else as the settings say.
        """
        confined = self._sandbox if sandbox is None else self._sandbox.with_choice(sandbox)
        return LocalWorkspace(roots, self._for_commands, confined, command_env)

    def providers(self, http: HttpSettings) -> dict[str, Provider]:
        """Providers of their own, as configured, for requests that behave like this; close them.

        Raises:
            ConfigError: a provider's settings cannot be used.
        """
        return build_providers(self._choice.applied_to(self._settings()), http)

    def log_in(self) -> None:
        """Take up keys and settings as they are now.

        Raises:
            ConfigError: a setting cannot be used.
        """
        self._use(self._choice)

    def log_out(self) -> None:
        """Forget the keys entered with `acp-agent login`; those in the environment or in settings stay.

        Raises:
            ConfigError: the keys cannot be deleted.
        """
        forget_keys(find_places(self._env))
        self.log_in()

    def auth_status(self) -> AuthStatus:
        """How things stand with keys now; unknown while the settings cannot be used."""
        try:
            return auth_status(self._choice.applied_to(self._settings()))
        except ConfigError:
            return AuthStatus("unknown")

    def provider_routes(self) -> tuple[ProviderRoute, ...]:
        """The providers whose endpoint can be chosen, and where they are now.

        Raises:
            ConfigError: a setting cannot be used.
        """
        return self._choice.routes(self._settings())

    def set_provider(self, name: str, protocol: str, base_url: str, headers: Mapping[str, str]) -> None:
        """Send requests to the provider there, with these headers and no key of ours, until the process ends.

        Raises:
            InvalidChoice: there is no such provider, or it does not speak that protocol.
            EndpointRefused: nothing can be sent there as it is given.
            ConfigError: a setting cannot be used.
        """
        self._use(self._choice.set(self._settings(), name, protocol, base_url, headers))

    def disable_provider(self, name: str) -> None:
        """Do not use the provider until it is set again; an unknown one is not used anyway.

        Raises:
            EndpointRefused: the settings name a model of it.
            ConfigError: a setting cannot be used.
        """
        self._use(self._choice.disable(self._settings(), name))

    def _settings(self, cwd: Path | None = None) -> Config:
        return load_config(cwd=cwd, env=self._env, cli=self._options, given=self._given)

    def _watch(self, config: Config) -> Watch | None:
        if not config.hooks and config.limits == Limits():
            return None
        from acp_agent.engine.watch import Watch  # lazy: only where there are hooks or limits
        from acp_agent.sdk.command_hooks import command_hooks

        return Watch(command_hooks(config.hooks, self._for_commands, self._sandbox), config.limits)

    def _use(self, choice: ProviderChoice) -> None:
        self.core.use_providers(build_providers(choice.applied_to(self._settings())))
        self._choice = choice


@asynccontextmanager
async def open_agent(
    config: Config | ConfigError,
    *,
    env: Mapping[str, str],
    options: Mapping[str, str],
    before_start: Callable[[], None] = lambda: None,
    given: Given = None,
) -> AsyncGenerator[Agent, None]:
    """An agent that lives as long as the context; at its end all sessions are ended and stored.

    `config` may be the error that loading it raised: the agent then says so when it is used. `before_start`
    is called before each start of a command or MCP server. `given` are settings that stand in place of the
    user's file, as `load_config` takes them.
    """
    try:
        if isinstance(config, ConfigError):
            raise config
        keeper = _keeper(config, env)
        parts = _parts(config, env, before_start, keeper)
        sandbox = _sandbox(config, env, before_start)
        for_commands = without_keys(config, env)
    except ConfigError as exc:
        yield Agent(exc, env, options, Sandbox("require"))
        return
    async with aclosing(parts.tracer), anyio.create_task_group() as tasks:
        core = AgentCore(parts, tasks)
        if keeper is not None:
            tasks.start_soon(keeper.run)
        try:
            yield Agent(
                core,
                env,
                options,
                sandbox,
                given,
                lambda change: AgentCore(change(parts), tasks),
                for_commands,
            )
        finally:
            with anyio.CancelScope(shield=True):
                await core.aclose()
            if keeper is not None:
                keeper.stop()
            await sandbox.aclose()


def _habits(config: Config) -> Habits:
    return Habits(
        config.max_steps, config.compact_at, config.planning, config.delegation, config.enforce_skill_tools
    )


def _builtin_skills(config: Config) -> tuple[Skill, ...]:
    if not config.builtin_skills:
        return ()
    from acp_agent.engine.skills.builtin import BUILTIN_SKILLS  # lazy: only for those who want them

    return BUILTIN_SKILLS


def _search_tools(config: Config) -> tuple[Tool, ...]:
    search = config.search
    if search is None:
        return ()
    from acp_agent.tools.web.search import WebSearchTool  # lazy: only for those who have a search service
    from acp_agent.tools.web.services import search_service

    key = search.api_key
    service = search_service(search.kind, search.base_url, lambda: key.reveal() if key else "")
    return (WebSearchTool(service),)


def _keeper(config: Config, env: Mapping[str, str]) -> ChoiceKeeper | None:
    path = choice_file(find_places(env))
    return ChoiceKeeper(path) if path and config.remember_choices else None


def _parts(
    config: Config,
    env: Mapping[str, str],
    before_start: Callable[[], None],
    keeper: ChoiceKeeper | None,
) -> AgentParts:
    def connect(server: McpServer, context: ServerContext) -> ToolSource:
        from acp_agent.tools.mcp.server import McpSource  # lazy: only for sessions with servers

        before_start()
        return McpSource(server, context)

    def resource_tools(sources: Callable[[], tuple[ToolSource, ...]]) -> tuple[Tool, ...]:
        from acp_agent.tools.mcp import resource_tools as of_servers  # lazy: only for servers with resources

        return of_servers.resource_tools(sources)

    def skill_tools(shelf: SkillShelf) -> tuple[Tool, ...]:
        from acp_agent.tools import skill  # lazy: only for sessions with skills

        return skill.skill_tools(shelf)

    return AgentParts(
        store=open_store(config.store_choice),
        providers=build_providers(config),
        tools=(*builtin_tools(), *_search_tools(config)),
        connect=connect,
        resource_tools=resource_tools,
        task_tools=task_tools,
        skill_tools=skill_tools,
        delegation=config.delegation,
        enforce_skill_tools=config.enforce_skill_tools,
        max_steps=config.max_steps,
        compact_at=config.compact_at,
        planning=config.planning,
        tracer=open_tracer(env),
        remember=keeper.note if keeper else lambda _option_id, _value: None,
    )


def _sandbox(config: Config, env: Mapping[str, str], before_start: Callable[[], None]) -> Sandbox:
    data_dir = find_places(env).data_dir  # holds the keys that were entered; settings files may hold others
    return Sandbox(
        config.sandbox,
        writable=config.sandbox_writable,
        hidden=(*config.files, data_dir) if data_dir else config.files,
        before_start=before_start,
    )
