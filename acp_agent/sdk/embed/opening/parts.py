"""What the options of a session change in the parts, defaults and words of its engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from acp_agent.base.clock import Clock
from acp_agent.base.ids import IdSource, SessionId
from acp_agent.base.paths import Places
from acp_agent.engine.agent_core import AgentParts, Defaults
from acp_agent.engine.context.instructions import ClientPrompt
from acp_agent.engine.context.size import COMPACT_AT
from acp_agent.engine.permission.rules import Rules
from acp_agent.engine.session_parts import Habits
from acp_agent.engine.subagents.kinds import may_use, rules_of
from acp_agent.model.mcp import McpServer
from acp_agent.model.session import SessionRecord
from acp_agent.model.subagent import AgentKind
from acp_agent.ports import Provider, ServerContext, SessionStore, Tool, ToolSource
from acp_agent.sdk.embed.delegation.limits import limits_of as limits_for
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.events.planning import planning_of
from acp_agent.sdk.embed.opening.guarded_source import GuardedSource
from acp_agent.sdk.embed.opening.resilience import GuardedProvider, GuardedTool, Limits, RunGuard
from acp_agent.sdk.embed.options.custom_tools import HostTool
from acp_agent.sdk.embed.options.hook_engine import HookEngine
from acp_agent.sdk.embed.options.permission import PermissionPolicy, host_rules
from acp_agent.sdk.embed.options.session_options import LABELS, SessionOptions
from acp_agent.sdk.embed.runs.trace_log import LoggingTracer, TraceLog
from acp_agent.sdk.folders.surroundings import Folders

POLICY_LABEL = "acp_agent.permission_policy"
ROLE_LABEL = "acp_agent.role"
"""Labels under which a session keeps what its options said, for when it is resumed."""

HEADING = "# From the program you are part of"
CHANGING = ("write", "edit", "patch")
"""Tools that a subagent which only reads does not have."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a session is to be opened; `resumed` is the record of one that was saved.

    `skill_dirs` and `agent_dirs` are those of the settings and of the options together. `workers` are the
    subagents that the program defines; there may be more of them later.
    """

    session_id: SessionId
    cwd: Path
    options: SessionOptions
    places: Places
    skill_dirs: tuple[Path, ...] = ()
    agent_dirs: tuple[Path, ...] = ()
    kind: AgentKind | None = None
    builtin_skills: bool = False
    workers: list[AgentKind] = msgspec.field(default_factory=list[AgentKind])
    resumed: SessionRecord | None = None


class Frame(msgspec.Struct, frozen=True):
    """What is made once for a session and stays with it; `providers` are its own, if it has any."""

    guard: RunGuard
    new_id: IdSource
    clock: Clock
    trace: TraceLog
    providers: Mapping[str, Provider] | None = None
    hooks: HookEngine = msgspec.field(default_factory=HookEngine)


def changed_parts(
    parts: AgentParts, plan: Plan, frame: Frame, store: SessionStore, habits: Habits | None
) -> AgentParts:
    """The agent's parts as this session has them: as its options say, else as the settings for its folder."""
    if habits is not None:
        parts = msgspec.structs.replace(parts, **msgspec.structs.asdict(habits))
    options, guard = plan.options, frame.guard
    client = options.llm_client
    providers = dict(parts.providers if frame.providers is None else frame.providers)
    if client is not None:
        providers = {client.name: client}
    steps = options.max_tool_rounds or (plan.kind.max_steps if plan.kind else None) or parts.max_steps

    def task_tools(kinds: tuple[AgentKind, ...]) -> tuple[Tool, ...]:
        if options.manual_delegation_enabled is False:
            return ()
        return tuple(GuardedTool(tool, guard) for tool in parts.task_tools(kinds))

    def connect(server: McpServer, context: ServerContext) -> ToolSource:
        return GuardedSource(parts.connect(server, context), guard)

    def remember(option_id: str, value: str | bool) -> None:
        """Nothing: what a program chooses is not what the user chose last."""

    return msgspec.structs.replace(
        parts,
        store=store,
        providers={name: _guarded(provider, guard, options) for name, provider in providers.items()},
        tools=tuple(GuardedTool(tool, guard) for tool in _tools(parts, plan)),
        task_tools=task_tools,
        connect=connect,
        max_steps=steps,
        compact_at=_compact_at(options, parts.compact_at),
        remember=remember,
        delegation=limits_for(options, parts.delegation, plan.kind),
        enforce_skill_tools=_enforced(options, parts.enforce_skill_tools),
        planning=planning_of(options, parts.planning, plan.resumed.labels if plan.resumed else {}),
        new_id=frame.new_id,
        clock=frame.clock,
        tracer=LoggingTracer(parts.tracer, frame.trace),
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


def check_thinking(budget: int | None, model: str | None, providers: Mapping[str, Provider]) -> None:
    """Refuse a budget that the model of this id would not be told.

    Raises:
        ConfigInvalid: it takes none.
    """
    known = (info for provider in providers.values() for info in provider.models() if info.id == model)
    if budget is not None and any(not info.takes_thinking_budget for info in known):
        raise ConfigInvalid(
            f"`thinking_budget`: the model `{model}` takes none",
            hint='leave it out, or choose a model that thinks of a provider with `type = "anthropic"`',
        )


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
    defaults: Defaults, plan: Plan, model: str | None, policy: PermissionPolicy | None, folders: Folders
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
        rules=rules_as(
            plan.kind,
            host_rules(
                defaults.rules, policy, options.permission_checker, permissive=options.permissive is True
            ),
        ),
        look_around=folders.look_around,
        chosen={},
        habits=None,  # they are in the session's parts
    )


def rules_as(kind: AgentKind | None, rules: Rules) -> Rules:
    """The rules as they hold for a session that is what a definition says."""
    return rules if kind is None else rules_of(kind, rules)


def client_prompt(plan: Plan) -> ClientPrompt | None:
    """What the program says into the system prompt; None leaves what a resumed session was told."""
    slots, kind = plan.options.slots, plan.kind
    parts = [
        f"## Guidelines\n\n{slots.guidelines}" if slots.guidelines else "",
        f"## Response Format\n\n{slots.response_style}" if slots.response_style else "",
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
    return labels if policy is None else {**labels, **policy_label(policy)}


def policy_label(policy: PermissionPolicy) -> dict[str, str]:
    """The label under which a session keeps its policy."""
    return {POLICY_LABEL: msgspec.json.encode(policy).decode()}


def shown_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Those of them that are the program's."""
    return {name: labels[name] for name in LABELS if name in labels}


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
    )


def _tools(parts: AgentParts, plan: Plan) -> list[Tool]:
    kind = plan.kind
    tools: list[Tool] = []
    for tool in parts.tools:
        name = tool.spec.name
        if kind is not None and (not may_use(kind, name) or (kind.read_only and name in CHANGING)):
            continue
        tools.append(tool)
    return [*tools, *(HostTool(custom) for custom in plan.options.tools or ())]


def _guarded(provider: Provider, guard: RunGuard, options: SessionOptions) -> GuardedProvider:
    return GuardedProvider(
        provider,
        guard,
        temperature=options.temperature,
        thinking_budget=options.thinking_budget,
        context_size=options.max_context_tokens,
        timeout=_seconds(options.llm_api_timeout_ms),
    )


def _compact_at(options: SessionOptions, configured: float) -> float:
    if options.auto_compact is False:
        return 0.0
    if options.auto_compact_threshold is not None:
        return options.auto_compact_threshold
    return COMPACT_AT if options.auto_compact else configured


def _warnings(plan: Plan) -> list[str]:
    return [] if plan.cwd.is_dir() else [f"The workspace `{plan.cwd}` does not exist"]


def _enforced(options: SessionOptions, configured: bool) -> bool:
    said = options.enforce_active_skill_tool_restrictions
    return configured if said is None else said


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
