"""What the options of a session change in the parts, defaults and words of its engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.ids import SessionId
from acp_agent.base.paths import Places
from acp_agent.engine.agent_core import AgentParts, Defaults
from acp_agent.engine.context.instructions import ClientPrompt
from acp_agent.engine.context.size import COMPACT_AT
from acp_agent.model.mcp import McpServer
from acp_agent.model.session import SessionRecord
from acp_agent.model.subagent import AgentKind
from acp_agent.ports import Provider, SessionStore, Tool
from acp_agent.sdk.embed.custom_tools import HostTool
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options import SessionOptions
from acp_agent.sdk.embed.permission import PermissionPolicy, host_rules
from acp_agent.sdk.embed.resilience import GuardedProvider, GuardedTool, Limits, RunGuard
from acp_agent.sdk.folders.agents import AgentFiles
from acp_agent.sdk.folders.commands import CommandFiles

POLICY_LABEL = "acp_agent.permission_policy"
ROLE_LABEL = "acp_agent.role"
"""Labels under which a session keeps what its options said, for when it is resumed."""

HEADING = "# From the program you are part of"
PLAN_FIRST = "Before anything else write a plan with the `todo` tool, and keep it up to date as you go."
CHANGING = ("write", "edit")
"""Tools that a subagent which only reads does not have."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a session is to be opened; `resumed` is the record of one that was saved.

    `skill_dirs` and `agent_dirs` are those of the settings and of the options together.
    """

    session_id: SessionId
    cwd: Path
    options: SessionOptions
    places: Places
    skill_dirs: tuple[Path, ...] = ()
    agent_dirs: tuple[Path, ...] = ()
    kind: AgentKind | None = None
    resumed: SessionRecord | None = None


def changed_parts(parts: AgentParts, plan: Plan, guard: RunGuard, store: SessionStore) -> AgentParts:
    """The agent's parts as this session has them."""
    options = plan.options
    client = options.llm_client
    providers = {client.name: client} if client is not None else dict(parts.providers)
    steps = options.max_tool_rounds or (plan.kind.max_steps if plan.kind else None) or parts.max_steps

    def task_tools(kinds: tuple[AgentKind, ...]) -> tuple[Tool, ...]:
        if options.manual_delegation_enabled is False:
            return ()
        return tuple(GuardedTool(tool, guard) for tool in parts.task_tools(kinds))

    def remember(option_id: str, value: str | bool) -> None:
        """Nothing: what a program chooses is not what the user chose last."""

    return msgspec.structs.replace(
        parts,
        store=store,
        providers={name: _guarded(provider, guard, options) for name, provider in providers.items()},
        tools=tuple(GuardedTool(tool, guard) for tool in _tools(parts, plan)),
        task_tools=task_tools,
        max_steps=steps,
        compact_at=_compact_at(options, parts.compact_at),
        remember=remember,
    )


def chosen_model(plan: Plan, providers: Mapping[str, Provider]) -> str | None:
    """The model that the options ask for, None if they do not say.

    Raises:
        ConfigInvalid: it is not configured.
    """
    options = plan.options
    wanted = options.model or (plan.kind.model if plan.kind else None)
    if not wanted:
        if options.llm_client is None:
            return None
        return next(model.id for model in options.llm_client.models())
    known = [model.id for provider in providers.values() for model in provider.models()]
    if wanted not in known:
        name, _, model = wanted.partition("/")
        raise ConfigInvalid(
            f"provider '{name}' or model '{model}' not found in config",
            hint=f"known models: {', '.join(known)}",
        )
    return wanted


def policy_of(plan: Plan) -> PermissionPolicy | None:
    """The policy of the options, else the one the resumed session had.

    Raises:
        ConfigInvalid: it cannot be used.
    """
    if plan.options.permission_policy is not None:
        return PermissionPolicy.of(plan.options.permission_policy)
    kept = plan.resumed.labels.get(POLICY_LABEL) if plan.resumed else None
    return None if kept is None else msgspec.json.decode(kept, type=PermissionPolicy)


def session_defaults(
    defaults: Defaults, plan: Plan, model: str | None, policy: PermissionPolicy | None
) -> Defaults:
    """The settings' defaults as this session has them.

    Raises:
        ConfigInvalid: a rule cannot be used.
    """
    options = plan.options
    return msgspec.structs.replace(
        defaults,
        model=model or defaults.model,
        mode="plan" if plan.kind is not None and plan.kind.read_only else defaults.mode,
        warnings=(*defaults.warnings, *_warnings(plan)),
        rules=host_rules(
            defaults.rules, policy, options.permission_checker, permissive=options.permissive is True
        ),
        find_commands=CommandFiles(plan.places, plan.cwd, plan.skill_dirs).find,
        find_agents=AgentFiles(plan.places, plan.cwd, plan.agent_dirs).find,
        chosen={},
    )


def servers_of(options: SessionOptions) -> tuple[McpServer, ...]:
    """The MCP servers of the options.

    Raises:
        ConfigInvalid: one of them is not written as in the settings.
    """
    if not options.mcp_servers:
        return ()
    from acp_agent.sdk.settings.file import check_settings  # lazy: as above
    from acp_agent.sdk.settings.mcp import configured_servers  # lazy: most sessions have no server

    tables = msgspec.to_builtins({name: dict(table) for name, table in options.mcp_servers.items()})
    try:
        return configured_servers(check_settings({"mcp_servers": tables}, Path("mcp_servers")).mcp_servers)
    except ConfigError as exc:
        raise ConfigInvalid(str(exc), hint=exc.hint) from exc


def client_prompt(plan: Plan) -> ClientPrompt | None:
    """What the program says into the system prompt; None leaves what a resumed session was told."""
    slots, kind = plan.options.slots, plan.kind
    parts = [
        f"## Guidelines\n\n{slots.guidelines}" if slots.guidelines else "",
        f"## Response Format\n\n{slots.response_style}" if slots.response_style else "",
        PLAN_FIRST if _planning(plan.options) == "enabled" else "",
        slots.extra or "",
    ]
    if kind is not None:
        return ClientPrompt("\n\n".join(part for part in (kind.prompt, *parts) if part), replaces_rules=True)
    text = "\n\n".join(part for part in parts if part)
    resumed = plan.resumed
    role = slots.role or (resumed.labels.get(ROLE_LABEL, "") if resumed else "")
    if resumed is not None and not text:
        return ClientPrompt(resumed.system_prompt, resumed.system_prompt_replaces, role, HEADING)
    return ClientPrompt(text, role=role, heading=HEADING)


def kept_labels(plan: Plan, policy: PermissionPolicy | None) -> dict[str, str]:
    """The labels of the session's record."""
    labels = {**(plan.resumed.labels if plan.resumed else {}), **plan.options.labels}
    if plan.options.slots.role:
        labels[ROLE_LABEL] = plan.options.slots.role
    if policy is not None:
        labels[POLICY_LABEL] = msgspec.json.encode(policy).decode()
    return labels


def limits_of(options: SessionOptions) -> Limits:
    """How much is put up with."""
    usual = Limits()
    continues = options.continuation_enabled is not False
    return Limits(
        parse_retries=_or(options.max_parse_retries, usual.parse_retries),
        tool_timeout=_seconds(options.tool_timeout_ms),
        breaker=_or(options.circuit_breaker_threshold, usual.breaker),
        duplicates=_or(options.duplicate_tool_call_threshold, usual.duplicates),
        continuations=_or(options.max_continuation_turns, usual.continuations) if continues else 0,
        run_time=_seconds(options.max_execution_time_ms),
    )


def _tools(parts: AgentParts, plan: Plan) -> list[Tool]:
    kind = plan.kind
    tools: list[Tool] = []
    for tool in parts.tools:
        name = tool.spec.name
        if name == "todo" and _planning(plan.options) == "disabled":
            continue
        if kind is not None and (
            (kind.tools is not None and name not in kind.tools)
            or name in kind.denied_tools
            or (kind.read_only and name in CHANGING)
        ):
            continue
        tools.append(tool)
    return [*tools, *(HostTool(custom) for custom in plan.options.tools or ())]


def _guarded(provider: Provider, guard: RunGuard, options: SessionOptions) -> GuardedProvider:
    return GuardedProvider(
        provider, guard, temperature=options.temperature, context_size=options.max_context_tokens
    )


def _planning(options: SessionOptions) -> str:
    if options.planning_mode is not None:
        return options.planning_mode
    return "auto" if options.planning is None else "enabled" if options.planning else "disabled"


def _compact_at(options: SessionOptions, configured: float) -> float:
    if options.auto_compact is False:
        return 0.0
    if options.auto_compact_threshold is not None:
        return options.auto_compact_threshold
    return COMPACT_AT if options.auto_compact else configured


def _warnings(plan: Plan) -> list[str]:
    return [] if plan.cwd.is_dir() else [f"The workspace `{plan.cwd}` does not exist"]


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
