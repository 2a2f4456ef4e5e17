"""The options of a session: their names, their types, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypedDict

import msgspec

from acp_agent.engine.memory.tiers import MemoryConfig
from acp_agent.model.planning import PlanningMode
from acp_agent.ports import Provider, SecurityProvider, Workspace
from acp_agent.sdk.embed.delegation.workers import Worker
from acp_agent.sdk.embed.options.budget import BudgetGuard
from acp_agent.sdk.embed.options.context import ContextProvider
from acp_agent.sdk.embed.options.custom_tools import CustomTool
from acp_agent.sdk.embed.options.given import NotNegative, Positive
from acp_agent.sdk.embed.options.hook_engine import HookEngine
from acp_agent.sdk.embed.options.host_env import HostEnv, RetryConfig, SandboxMode
from acp_agent.sdk.embed.options.inline_skills import SkillLike
from acp_agent.sdk.embed.options.memory import MemoryStore
from acp_agent.sdk.embed.options.permission import Checker, ConfirmationPolicy, PermissionPolicy
from acp_agent.sdk.embed.queue.config import SessionQueueConfig
from acp_agent.sdk.embed.runs.records import RetentionLimits
from acp_agent.sdk.embed.sessions.confirmations import Confirm
from acp_agent.sdk.embed.stores.session_data import JournalStore, SessionStore

PathLike: TypeAlias = str | os.PathLike[str]


class SystemPromptSlots(msgspec.Struct, kw_only=True):
    """What a program says into the system prompt. No slot removes the rules of work."""

    role: str | None = None
    guidelines: str | None = None
    response_style: str | None = None
    extra: str | None = None


class OptionFields(TypedDict, total=False):
    """The options as keyword arguments; the same as the attributes of `SessionOptions`."""

    model: str | None
    llm_client: Provider | None
    temperature: float | None
    thinking_budget: Positive | None
    prompt_slots: SystemPromptSlots | Mapping[str, str | None] | None
    role: str | None
    guidelines: str | None
    response_style: str | None
    extra: str | None
    tools: Sequence[CustomTool] | None
    skill_dirs: Sequence[PathLike] | None
    agent_dirs: Sequence[PathLike] | None
    builtin_skills: bool | None
    inline_skills: Sequence[SkillLike] | None
    enforce_active_skill_tool_restrictions: bool | None
    worker_agents: Sequence[Worker] | None
    mcp_servers: Mapping[str, Mapping[str, object]] | None
    permissive: bool | None
    permission_policy: PermissionPolicy | Mapping[str, object] | None
    permission_checker: Checker | None
    confirmation_policy: ConfirmationPolicy | Mapping[str, object] | None
    confirmation_manager: Confirm | None
    max_tool_rounds: Positive | None
    max_parse_retries: NotNegative | None
    tool_timeout_ms: Positive | None
    circuit_breaker_threshold: NotNegative | None
    duplicate_tool_call_threshold: NotNegative | None
    continuation_enabled: bool | None
    max_continuation_turns: NotNegative | None
    max_execution_time_ms: Positive | None
    llm_api_timeout_ms: Positive | None
    retry_config: RetryConfig | Mapping[str, object] | None
    auto_compact: bool | None
    auto_compact_threshold: float | None
    max_context_tokens: Positive | None
    planning: bool | None
    planning_mode: PlanningMode | None
    goal_tracking: bool | None
    auto_delegation: Mapping[str, object] | bool | None
    auto_parallel: bool | None
    manual_delegation_enabled: bool | None
    max_parallel_tasks: int | None
    command_env: Mapping[str, str] | None
    sandbox: SandboxMode | Mapping[str, object] | None
    workspace_backend: Workspace | None
    host_env: HostEnv | Mapping[str, object] | None
    retention_limits: RetentionLimits | Mapping[str, object] | None
    memory: MemoryStore | bool | None
    memory_store: MemoryStore | None
    memory_dir: PathLike | None
    memory_config: MemoryConfig | Mapping[str, object] | None
    fs_context: PathLike | bool | None
    context_provider: ContextProvider | None
    context_providers: Sequence[ContextProvider] | None
    default_security: bool | None
    security_provider: SecurityProvider | None
    hook_engine: HookEngine | None
    budget_guard: BudgetGuard | None
    queue_config: SessionQueueConfig | Mapping[str, object] | None
    session_id: str | None
    session_store: SessionStore | JournalStore | None
    file_session_store: PathLike | None
    auto_save: bool | None
    tenant_id: str | None
    principal: str | None
    agent_template_id: str | None
    correlation_id: str | None


ALIASES: Mapping[str, str] = {
    "parse_retries": "max_parse_retries",
    "tool_timeout": "tool_timeout_ms",
    "circuit_breaker": "circuit_breaker_threshold",
    "style": "response_style",
    "system_prompt": "extra",
    "file_memory": "memory_dir",
}
"""Other names of options."""
