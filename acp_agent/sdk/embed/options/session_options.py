"""The options of a session in all their spellings."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, Unpack, cast

from acp_agent.engine.memory.tiers import MemoryConfig
from acp_agent.ports import Provider, SecurityProvider, Workspace
from acp_agent.sdk.embed.delegation.workers import Worker
from acp_agent.sdk.embed.errors import ConfigInvalid, UnknownOption
from acp_agent.sdk.embed.options.budget import BudgetGuard
from acp_agent.sdk.embed.options.chain import OptionChain
from acp_agent.sdk.embed.options.checking import check_values
from acp_agent.sdk.embed.options.context import ContextProvider
from acp_agent.sdk.embed.options.custom_tools import CustomTool, check_tools
from acp_agent.sdk.embed.options.fields import (
    ALIASES,
    OptionFields,
    PathLike,
    PlanningMode,
    SystemPromptSlots,
)
from acp_agent.sdk.embed.options.given import NotNegative, Positive, converted
from acp_agent.sdk.embed.options.hook_engine import HookEngine
from acp_agent.sdk.embed.options.host_env import HostEnv, RetryConfig, SandboxMode
from acp_agent.sdk.embed.options.inline_skills import SkillLike
from acp_agent.sdk.embed.options.memory import MemoryStore
from acp_agent.sdk.embed.options.permission import Checker, ConfirmationPolicy, PermissionPolicy
from acp_agent.sdk.embed.options.spelling import snake_keys
from acp_agent.sdk.embed.queue.config import SessionQueueConfig
from acp_agent.sdk.embed.runs.records import RetentionLimits
from acp_agent.sdk.embed.sessions.confirmations import Confirm
from acp_agent.sdk.embed.stores.session_data import JournalStore, SessionStore
from acp_agent.sdk.settings.file import nearest

LABELS = ("tenant_id", "principal", "agent_template_id", "correlation_id")
"""Options that are only carried along."""


@dataclass(init=False, eq=False)
class SessionOptions(OptionChain):
    """How a session is to be. What is None is as the settings say, or as the resumed session was.

    Attributes:
        model: `provider/model` to ask; the provider has to be configured.
        llm_client: asked in place of what is configured.
        temperature: how freely the model draws its words.
        thinking_budget: tokens that it may think in one step, 1024 or more; for models that take such a
            limit.
        prompt_slots: the four slots together.
        role: who the model is to be; stands in place of the first line of the rules.
        guidelines: told behind the rules, under `## Guidelines`.
        response_style: told as `## Response Format`.
        extra: told last.
        tools: tools of the program, besides the built-in ones.
        skill_dirs: folders of skills, besides those of the settings.
        agent_dirs: folders of subagents, besides those of the settings.
        builtin_skills: whether the skills that come with the agent are offered.
        inline_skills: skills as text.
        enforce_active_skill_tool_restrictions: while skills are in use, only calls that they need may run.
        worker_agents: subagents that the program defines.
        mcp_servers: MCP servers by name, written as in the settings.
        permissive: whether calls that no rule is about are allowed.
        permission_policy: which calls run.
        permission_checker: asked about every call before the policy.
        confirmation_policy: how calls are confirmed by the program.
        confirmation_manager: confirms calls.
        max_tool_rounds: model requests of one run; 50 unless the settings say otherwise.
        max_parse_retries: unusable calls in a row that a model may make.
        tool_timeout_ms: milliseconds that a tool may take.
        circuit_breaker_threshold: how often a request that fails is tried.
        duplicate_tool_call_threshold: which of the same calls in a row is not run any more.
        continuation_enabled: whether a model that stops in the middle is told to go on.
        max_continuation_turns: how often in one run.
        max_execution_time_ms: milliseconds that a run may take.
        llm_api_timeout_ms: milliseconds that one request to the model may take.
        retry_config: how requests to the configured services are tried again.
        auto_compact: whether a conversation that gets long is shortened.
        auto_compact_threshold: share of the model's context at which that is done.
        max_context_tokens: tokens of the model's context to use.
        planning: the older spelling of `planning_mode`.
        planning_mode: whether a plan is made first: `auto`, `enabled` or `disabled`.
        goal_tracking: whether goals are tracked.
        auto_delegation: whether and how tasks are delegated unasked.
        auto_parallel: whether tasks are delegated side by side unasked.
        manual_delegation_enabled: whether the model may delegate.
        max_parallel_tasks: tasks side by side.
        command_env: variables that commands have besides the usual ones; passed on as they are.
        sandbox: `auto`, `require` or `off`: whether the kernel confines what commands change.
        workspace_backend: files and commands of another place than this machine's folder.
        host_env: where ids and times come from, for tests.
        retention_limits: how much of runs and traces is kept in memory.
        memory: whether it remembers beyond its conversation, or where: a store.
        memory_store: where it remembers.
        memory_dir: the folder of files where it remembers.
        memory_config: how much is remembered and recalled.
        fs_context: the folder whose files are searched for what fits a prompt; True for the session's.
        context_provider: asked what fits a prompt.
        context_providers: several of them.
        default_security: whether secrets are blotted out and hidden orders pointed at.
        security_provider: does so in a way of its own.
        hook_engine: hooks, which several sessions may share.
        budget_guard: decides what may still be used up.
        queue_config: how much of its work goes on at once, in lanes.
        session_id: the session's id; made up if it is not given.
        session_store: where the session is saved.
        file_session_store: the folder of a `FileSessionStore`.
        auto_save: whether it is saved after each run.
        tenant_id: label: whose session it is.
        principal: label: who wanted it.
        agent_template_id: label: what it was made from.
        correlation_id: label: the trace it belongs to.
    """

    model: str | None = None
    llm_client: Provider | None = None
    temperature: float | None = None
    thinking_budget: Positive | None = None
    prompt_slots: SystemPromptSlots | Mapping[str, str | None] | None = None
    role: str | None = None
    guidelines: str | None = None
    response_style: str | None = None
    extra: str | None = None
    tools: Sequence[CustomTool] | None = None
    skill_dirs: Sequence[PathLike] | None = None
    agent_dirs: Sequence[PathLike] | None = None
    builtin_skills: bool | None = None
    inline_skills: Sequence[SkillLike] | None = None
    enforce_active_skill_tool_restrictions: bool | None = None
    worker_agents: Sequence[Worker] | None = None
    mcp_servers: Mapping[str, Mapping[str, object]] | None = None
    permissive: bool | None = None
    permission_policy: PermissionPolicy | Mapping[str, object] | None = None
    permission_checker: Checker | None = None
    confirmation_policy: ConfirmationPolicy | Mapping[str, object] | None = None
    confirmation_manager: Confirm | None = None
    max_tool_rounds: Positive | None = None
    max_parse_retries: NotNegative | None = None
    tool_timeout_ms: Positive | None = None
    circuit_breaker_threshold: NotNegative | None = None
    duplicate_tool_call_threshold: NotNegative | None = None
    continuation_enabled: bool | None = None
    max_continuation_turns: NotNegative | None = None
    max_execution_time_ms: Positive | None = None
    llm_api_timeout_ms: Positive | None = None
    retry_config: RetryConfig | Mapping[str, object] | None = None
    auto_compact: bool | None = None
    auto_compact_threshold: float | None = None
    max_context_tokens: Positive | None = None
    planning: bool | None = None
    planning_mode: PlanningMode | None = None
    goal_tracking: bool | None = None
    auto_delegation: Mapping[str, object] | bool | None = None
    auto_parallel: bool | None = None
    manual_delegation_enabled: bool | None = None
    max_parallel_tasks: int | None = None
    command_env: Mapping[str, str] | None = None
    sandbox: SandboxMode | Mapping[str, object] | None = None
    workspace_backend: Workspace | None = None
    host_env: HostEnv | Mapping[str, object] | None = None
    retention_limits: RetentionLimits | Mapping[str, object] | None = None
    memory: MemoryStore | bool | None = None
    memory_store: MemoryStore | None = None
    memory_dir: PathLike | None = None
    memory_config: MemoryConfig | Mapping[str, object] | None = None
    fs_context: PathLike | bool | None = None
    context_provider: ContextProvider | None = None
    context_providers: Sequence[ContextProvider] | None = None
    default_security: bool | None = None
    security_provider: SecurityProvider | None = None
    hook_engine: HookEngine | None = None
    budget_guard: BudgetGuard | None = None
    queue_config: SessionQueueConfig | Mapping[str, object] | None = None
    session_id: str | None = None
    session_store: SessionStore | JournalStore | None = None
    file_session_store: PathLike | None = None
    auto_save: bool | None = None
    tenant_id: str | None = None
    principal: str | None = None
    agent_template_id: str | None = None
    correlation_id: str | None = None

    def __init__(self, **options: Unpack[OptionFields]) -> None:
        for name, value in options.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        known = ALIASES.get(name, name)
        if known not in NAMES:
            raise UnknownOption(name, nearest(name, (*NAMES, *ALIASES)))
        object.__setattr__(self, known, value)

    def copy(self) -> Self:
        """The same options, to be changed without changing these."""
        twin = type(self)()
        for name in NAMES:
            setattr(twin, name, getattr(self, name))
        return twin

    @property
    def slots(self) -> SystemPromptSlots:
        """What is said into the system prompt; single slots win over `prompt_slots`."""
        base = converted(self.prompt_slots or {}, SystemPromptSlots, "`prompt_slots`")
        return SystemPromptSlots(
            role=self.role or base.role,
            guidelines=self.guidelines or base.guidelines,
            response_style=self.response_style or base.response_style,
            extra=self.extra or base.extra,
        )

    @property
    def labels(self) -> dict[str, str]:
        """The labels that are set."""
        return {name: value for name in LABELS if (value := getattr(self, name)) is not None}


NAMES = frozenset(field.name for field in fields(SessionOptions))
"""The names of all options."""


def gather(options: SessionOptions | Mapping[str, Any] | None, more: OptionFields) -> SessionOptions:
    """The options in whatever spelling, checked; keyword arguments win.

    Raises:
        UnknownOption: one of them does not exist.
        ConfigInvalid: one of them has a value that cannot be.
    """
    match options:
        case None:
            gathered = SessionOptions()
        case SessionOptions():
            gathered = options.copy()
        case _:
            gathered = SessionOptions(**cast("OptionFields", snake_keys(options)))
    for name, value in more.items():
        setattr(gathered, name, value)
    _check(gathered)
    return gathered


def _check(options: SessionOptions) -> None:
    if isinstance(options.session_store, str | os.PathLike):
        raise ConfigInvalid(
            f"`session_store`: `{options.session_store}` is no store",
            hint="name a folder as `file_session_store`",
        )
    if inspect.iscoroutinefunction(options.permission_checker):
        raise ConfigInvalid(
            "`permission_checker`: must not be a coroutine function",
            hint="use a `confirmation_manager` to wait",
        )
    if isinstance(options.tools, list | tuple):
        check_tools(options.tools)
    check_values({name: getattr(options, name) for name in NAMES})
    if options.auto_compact_threshold is not None:
        options.auto_compact_threshold = min(1.0, max(0.0, options.auto_compact_threshold))
