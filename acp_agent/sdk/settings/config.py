"""Everything that can be configured, gathered from command line, environment and files.

Who wins, strongest first: command line, environment, the project's file, the user's file, what the user chose
last in a session, the default. A project's file belongs to whoever wrote the project: until the user trusts
its folder it may only choose a model among those the user set up and add permission rules that restrict, and
never, trusted or not, does it say where requests and keys are sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places, find_places
from acp_agent.engine.context.size import COMPACT_AT
from acp_agent.engine.permission.rules import Rule, Rules, RuleScope, parse_rule
from acp_agent.model.limits import Limits
from acp_agent.model.planning import Planning, PlanningMode
from acp_agent.model.session import ModeId
from acp_agent.model.subagent import DelegationLimits
from acp_agent.sdk.last_choice import LastChoice, read_last_choice
from acp_agent.sdk.model_choice import ModelChoice, check_model, default_model, last_model
from acp_agent.sdk.settings.delegation import delegation_limits
from acp_agent.sdk.settings.file import (
    PermissionsTable,
    SettingsFile,
    check_settings,
    parse_toml,
    read_bytes,
)
from acp_agent.sdk.settings.hooks import HookTable
from acp_agent.sdk.settings.memory import read_memory
from acp_agent.sdk.settings.overrides import CLI_NAMES, ENV_NAMES, read_overrides, unknown_variables
from acp_agent.sdk.settings.presets import PRESETS
from acp_agent.sdk.settings.project import read_project
from acp_agent.sdk.settings.provider import ProviderConfig, collect_providers
from acp_agent.sdk.settings.search import SearchConfig, read_search
from acp_agent.sdk.settings.store import StoreChoice, read_store

if TYPE_CHECKING:
    from acp_agent.model.mcp import McpServer
    from acp_agent.workspaces.sandbox import SandboxChoice

DEFAULT_MODE: ModeId = "ask"
DEFAULT_MAX_STEPS = 50
DEFAULT_MAX_FRAME_MIB = 64
DEFAULT_LOG_LEVEL = "warning"
DEFAULT_SANDBOX: SandboxChoice = "auto"
DEFAULT_PLANNING = Planning("auto")


class Config(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Checked settings. Its `repr` shows no keys, headers or environments.

    Attributes:
        model: `provider/model` that new sessions start with; the provider is one of `providers`.
        model_origin: which setting chose the model, for people.
        mode: how new sessions handle permissions.
        chosen: values of further options that new sessions start with, by option id.
        remember_choices: whether what users choose in a session is what the next ones start with.
        store_choice: where sessions are kept.
        max_steps: model requests per turn.
        compact_at: share of a model's context at which the conversation is shortened, 0 for never unasked.
        max_frame_mib: largest message accepted, in MiB.
        log_level: `error`, `warning`, `info` or `debug`.
        planning: how prompts are planned, and whether their goals are tracked.
        sandbox: whether the kernel confines what commands and file tools change.
        sandbox_writable: further directories that confined commands may change.
        providers: the model services, in order of preference.
        mcp_servers: servers every session gets besides those its client names.
        permissions: rules about single calls, those of all files together.
        delegation: how sessions delegate to subagents.
        builtin_skills: whether the skills that come with the agent are offered.
        enforce_skill_tools: while skills are in use, only calls that they say they need may run.
        hooks: commands that are asked at moments of a session, those of all files together.
        limits: what sessions and prompts may use up.
        memory_dir: where sessions remember beyond their conversation, None for not at all.
        fs_context: whether files are searched for what fits a prompt.
        search: the search service of the web, None for none.
        ignored: settings that were found and have no effect, as sentences for people.
        files: the settings files that were read.
    """

    model: str
    model_origin: str
    mode: ModeId = DEFAULT_MODE
    chosen: Mapping[str, str | bool] = {}
    remember_choices: bool = True
    store_choice: StoreChoice = StoreChoice("memory")
    max_steps: int = DEFAULT_MAX_STEPS
    compact_at: float = COMPACT_AT
    max_frame_mib: int = DEFAULT_MAX_FRAME_MIB
    log_level: str = DEFAULT_LOG_LEVEL
    planning: Planning = DEFAULT_PLANNING
    sandbox: SandboxChoice = DEFAULT_SANDBOX
    sandbox_writable: tuple[Path, ...] = ()
    providers: tuple[ProviderConfig, ...] = ()
    mcp_servers: tuple[McpServer, ...] = ()
    permissions: Rules = Rules()
    delegation: DelegationLimits = DelegationLimits()
    builtin_skills: bool = False
    enforce_skill_tools: bool = False
    hooks: tuple[HookTable, ...] = ()
    limits: Limits = Limits()
    memory_dir: Path | None = None
    fs_context: bool = False
    search: SearchConfig | None = None
    ignored: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def store(self) -> str:
        """The store as it is written in a file, without a password."""
        return self.store_choice.text

    @property
    def store_path(self) -> Path | None:
        """File or directory of the sessions, or None if they are kept elsewhere or nowhere."""
        return self.store_choice.path

    def provider(self, name: str) -> ProviderConfig:
        """The provider of this name.

        Raises:
            ConfigError: there is none.
        """
        for provider in self.providers:
            if provider.name == name:
                return provider
        known = ", ".join(provider.name for provider in self.providers)
        raise ConfigError(f"no provider `{name}`", hint=f"known providers: {known}")


def load_config(
    *,
    cwd: Path | None,
    env: Mapping[str, str],
    cli: Mapping[str, str] | None = None,
    paths: Places | None = None,
    given: tuple[SettingsFile, Path] | None = None,
) -> Config:
    """Gather and check all settings.

    `cwd` is the project's folder, None when there is no project yet. `cli` holds options as text under the
    names `model`, `mode`, `store`, `script`, `config` (a file to use instead of the user's), `log_level`.
    `paths` defaults to what `env` says. `given` are settings to use instead of the user's file,
    and what to call that in messages.

    Raises:
        ConfigError: a setting cannot be used; names the file or variable, and the key.
    """
    places = paths or find_places(env)
    options = read_overrides(cli or {}, CLI_NAMES)
    variables = read_overrides(env, ENV_NAMES)
    file = given[1] if given else options.config or variables.config or places.config_file
    user = given[0] if given else _read_user(file, must_exist=file != places.config_file)
    written = user or SettingsFile()
    script = options.script or variables.script
    mentioned = _mentioned_providers(options.settings.model, variables.settings.model, written.model)
    providers = collect_providers(written, file, mentioned=mentioned, env=env, script=script, places=places)
    project = read_project(cwd, places, providers)
    named = (
        (options.settings.model, f"option `--{options.model_name}`"),
        (variables.settings.model, f"environment variable `{variables.model_name}`"),
        (project.settings.model, f"`{project.file}`: `model`"),
        (written.model, f"`{file}`: `model`"),
    )
    merged = _merge(options.settings, variables.settings, project.settings, written)
    last = LastChoice() if merged.remember_choices is False else read_last_choice(places)
    choice = (
        _first_choice(named, providers)
        or last_model(last.model, providers)
        or default_model(providers.values())
    )
    search, unsearched = read_search(written.search, file, env)
    return Config(
        model=choice.model,
        model_origin=choice.origin,
        # Modes, sandboxes and planning modes were checked against the choices where they were read.
        mode=cast("ModeId", merged.mode or last.mode or DEFAULT_MODE),
        chosen=last.options,
        remember_choices=merged.remember_choices is not False,
        store_choice=read_store(merged.store, places),
        max_steps=merged.max_steps or DEFAULT_MAX_STEPS,
        compact_at=COMPACT_AT if merged.compact_at is None else merged.compact_at,
        max_frame_mib=merged.max_frame_mib or DEFAULT_MAX_FRAME_MIB,
        log_level=merged.log_level or DEFAULT_LOG_LEVEL,
        planning=Planning(
            cast("PlanningMode", merged.planning_mode or DEFAULT_PLANNING.mode), merged.goal_tracking is True
        ),
        sandbox=cast("SandboxChoice", merged.sandbox) if merged.sandbox else DEFAULT_SANDBOX,
        sandbox_writable=tuple(_directory(path, places) for path in merged.sandbox_writable or ()),
        providers=tuple(providers.values()),
        mcp_servers=_servers(merged),
        permissions=_rules(written.permissions, places, "user").joined(
            _rules(project.settings.permissions, places, "project")
        ),
        delegation=delegation_limits(
            DelegationLimits(),
            merged.auto_delegation,
            side_by_side=merged.auto_parallel,
            max_at_work=merged.max_parallel_tasks,
        ),
        builtin_skills=merged.builtin_skills is True,
        enforce_skill_tools=merged.enforce_active_skill_tool_restrictions is True,
        hooks=(*written.hooks, *project.settings.hooks),
        limits=_limits(merged),
        memory_dir=read_memory(merged.memory, places),
        fs_context=merged.fs_context is True,
        search=search,
        ignored=(*project.ignored, *unsearched, *unknown_variables(env)),
        files=tuple(
            path for path in (file if user and file and file.is_absolute() else None, project.file) if path
        ),
    )


def _read_user(file: Path | None, *, must_exist: bool) -> SettingsFile | None:
    content = read_bytes(file) if file else None
    if file is None or content is None:
        if must_exist:
            raise ConfigError(f"`{file}`: no such file")
        return None
    return check_settings(parse_toml(content, file), file)


def _mentioned_providers(*models: str | None) -> tuple[str, ...]:
    """Well-known providers in models' names; a malformed name is reported where it is chosen."""
    names = [re.split("[/:]", model, maxsplit=1)[0] for model in models if model]
    return tuple(name for name in names if name in PRESETS)


def _first_choice(
    named: Sequence[tuple[str | None, str]], providers: Mapping[str, ProviderConfig]
) -> ModelChoice | None:
    for model, origin in named:
        if model:
            return check_model(model, origin, providers)
    return None


def _merge(*layers: SettingsFile) -> SettingsFile:
    """The strongest value of each setting, strongest layer first.

    Servers are joined by name. Permission rules are none of its business: those of all files hold together.
    """
    merged = SettingsFile()
    for layer in reversed(layers):
        said = {key: value for key in layer.__struct_fields__ if (value := getattr(layer, key)) is not None}
        servers = {**merged.mcp_servers, **layer.mcp_servers}
        merged = msgspec.structs.replace(merged, **{**said, "mcp_servers": servers})
    return merged


def _rules(table: PermissionsTable, places: Places, scope: RuleScope) -> Rules:
    def parsed(texts: tuple[str, ...]) -> tuple[Rule, ...]:
        return tuple(_at_home(parse_rule(text, scope), places) for text in texts)

    return Rules(allow=parsed(table.allow), ask=parsed(table.ask), deny=parsed(table.deny))


def _at_home(rule: Rule, places: Places) -> Rule:
    """The rule with a leading `~` of its pattern replaced by the home folder, if there is one."""
    if rule.pattern is None or places.home is None:
        return rule
    return msgspec.structs.replace(rule, pattern=rule.pattern.with_home(places.home.as_posix()))


def _servers(settings: SettingsFile) -> tuple[McpServer, ...]:
    if not settings.mcp_servers:
        return ()
    from acp_agent.sdk.settings.mcp import configured_servers  # lazy: most configurations have no server

    return configured_servers(settings.mcp_servers)


def _limits(settings: SettingsFile) -> Limits:
    return Limits(**msgspec.structs.asdict(settings.limits)) if settings.limits else Limits()


def _directory(text: str, places: Places) -> Path:
    path = places.expand(text)
    if not path.is_absolute():
        raise ConfigError(f"`sandbox_writable`: `{text}` is not an absolute path")
    return path
