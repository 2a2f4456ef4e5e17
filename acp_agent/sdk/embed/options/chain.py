"""The options as a chain of calls: `SessionOptions().with_model("openai/gpt-5").with_auto_save()`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from acp_agent.engine.memory.tiers import MemoryConfig
from acp_agent.ports import Provider, SecurityProvider, Workspace
from acp_agent.sdk.embed.delegation.workers import Worker
from acp_agent.sdk.embed.options.budget import BudgetGuard
from acp_agent.sdk.embed.options.context import ContextProvider
from acp_agent.sdk.embed.options.custom_tools import CustomTool
from acp_agent.sdk.embed.options.fields import PathLike, PlanningMode, SystemPromptSlots
from acp_agent.sdk.embed.options.hook_engine import HookEngine
from acp_agent.sdk.embed.options.host_env import HostEnv, RetryConfig, SandboxMode
from acp_agent.sdk.embed.options.inline_skills import SkillLike
from acp_agent.sdk.embed.options.memory import MemoryStore
from acp_agent.sdk.embed.options.permission import Checker, ConfirmationPolicy, PermissionPolicy
from acp_agent.sdk.embed.queue.config import SessionQueueConfig
from acp_agent.sdk.embed.runs.records import RetentionLimits
from acp_agent.sdk.embed.sessions.confirmations import Confirm
from acp_agent.sdk.embed.stores.session_data import JournalStore, SessionStore


class OptionChain:
    """One method for each option; each changes the options and returns them."""

    def with_option(self, name: str, value: object) -> Self:
        """Set any option by its name.

        Raises:
            UnknownOption: there is none of this name.
        """
        setattr(self, name, value)
        return self

    def with_resilience_defaults(self) -> Self:
        """Two unusable calls in a row, two minutes for a tool, three tries for a request."""
        self.with_option("max_parse_retries", 2).with_option("tool_timeout_ms", 120_000)
        return self.with_option("circuit_breaker_threshold", 3)

    def with_skills_from_dir(self, directory: PathLike) -> Self:
        """Add a folder of skills."""
        return self._with_more("skill_dirs", directory)

    def with_agents_from_dir(self, directory: PathLike) -> Self:
        """Add a folder of subagents."""
        return self._with_more("agent_dirs", directory)

    def with_inline_skill(self, skill: SkillLike) -> Self:
        """Add a skill as text."""
        return self._with_more("inline_skills", skill)

    def with_worker_agent(self, worker: Worker) -> Self:
        """Add a subagent that the program defines."""
        return self._with_more("worker_agents", worker)

    def with_enforce_active_skill_tool_restrictions(self, enforce: bool = True) -> Self:
        """Set `enforce_active_skill_tool_restrictions`: while skills are in use, only what they need runs."""
        return self.with_option("enforce_active_skill_tool_restrictions", enforce)

    def with_tool(self, tool: CustomTool) -> Self:
        """Add a tool of the program."""
        return self._with_more("tools", tool)

    def _with_more(self, name: str, item: object) -> Self:
        return self.with_option(name, [*(getattr(self, name) or ()), item])

    def with_model(self, model: str) -> Self:
        """Set `model`: `provider/model` to ask; the provider has to be configured."""
        return self.with_option("model", model)

    def with_llm_client(self, llm_client: Provider) -> Self:
        """Set `llm_client`: asked in place of what is configured."""
        return self.with_option("llm_client", llm_client)

    def with_temperature(self, temperature: float) -> Self:
        """Set `temperature`: how freely the model draws its words."""
        return self.with_option("temperature", temperature)

    def with_thinking_budget(self, tokens: int) -> Self:
        """Set `thinking_budget`: tokens that the model may think in one step."""
        return self.with_option("thinking_budget", tokens)

    def with_prompt_slots(self, prompt_slots: SystemPromptSlots | Mapping[str, str | None]) -> Self:
        """Set `prompt_slots`: the four slots together."""
        return self.with_option("prompt_slots", prompt_slots)

    def with_role(self, role: str) -> Self:
        """Set `role`: who the model is to be; stands in place of the first line of the rules."""
        return self.with_option("role", role)

    def with_guidelines(self, guidelines: str) -> Self:
        """Set `guidelines`: told behind the rules, under `## Guidelines`."""
        return self.with_option("guidelines", guidelines)

    def with_response_style(self, response_style: str) -> Self:
        """Set `response_style`: told as `## Response Format`."""
        return self.with_option("response_style", response_style)

    def with_extra(self, extra: str) -> Self:
        """Set `extra`: told last."""
        return self.with_option("extra", extra)

    def with_builtin_skills(self, builtin_skills: bool = True) -> Self:
        """Set `builtin_skills`: whether the skills that come with the agent are offered."""
        return self.with_option("builtin_skills", builtin_skills)

    def with_mcp_servers(self, mcp_servers: Mapping[str, Mapping[str, object]]) -> Self:
        """Set `mcp_servers`: MCP servers by name, written as in the settings."""
        return self.with_option("mcp_servers", mcp_servers)

    def with_permissive_policy(self, permissive: bool = True) -> Self:
        """Set `permissive`: whether calls that no rule is about are allowed."""
        return self.with_option("permissive", permissive)

    def with_permission_policy(self, permission_policy: PermissionPolicy | Mapping[str, object]) -> Self:
        """Set `permission_policy`: which calls run."""
        return self.with_option("permission_policy", permission_policy)

    def with_permission_checker(self, permission_checker: Checker) -> Self:
        """Set `permission_checker`: asked about every call before the policy."""
        return self.with_option("permission_checker", permission_checker)

    def with_confirmation_policy(
        self, confirmation_policy: ConfirmationPolicy | Mapping[str, object]
    ) -> Self:
        """Set `confirmation_policy`: how calls are confirmed by the program."""
        return self.with_option("confirmation_policy", confirmation_policy)

    def with_confirmation_manager(self, confirmation_manager: Confirm) -> Self:
        """Set `confirmation_manager`: confirms calls."""
        return self.with_option("confirmation_manager", confirmation_manager)

    def with_max_tool_rounds(self, max_tool_rounds: int) -> Self:
        """Set `max_tool_rounds`: model requests of one run; 50 unless the settings say otherwise."""
        return self.with_option("max_tool_rounds", max_tool_rounds)

    def with_parse_retries(self, max_parse_retries: int) -> Self:
        """Set `max_parse_retries`: unusable calls in a row that a model may make."""
        return self.with_option("max_parse_retries", max_parse_retries)

    def with_tool_timeout(self, tool_timeout_ms: int) -> Self:
        """Set `tool_timeout_ms`: milliseconds that a tool may take."""
        return self.with_option("tool_timeout_ms", tool_timeout_ms)

    def with_circuit_breaker(self, circuit_breaker_threshold: int) -> Self:
        """Set `circuit_breaker_threshold`: how often a request that fails is tried."""
        return self.with_option("circuit_breaker_threshold", circuit_breaker_threshold)

    def with_duplicate_tool_call_threshold(self, duplicate_tool_call_threshold: int) -> Self:
        """Set `duplicate_tool_call_threshold`: which of the same calls in a row is not run any more."""
        return self.with_option("duplicate_tool_call_threshold", duplicate_tool_call_threshold)

    def with_continuation_enabled(self, continuation_enabled: bool = True) -> Self:
        """Set `continuation_enabled`: whether a model that stops in the middle is told to go on."""
        return self.with_option("continuation_enabled", continuation_enabled)

    def with_max_continuation_turns(self, max_continuation_turns: int) -> Self:
        """Set `max_continuation_turns`: how often in one run."""
        return self.with_option("max_continuation_turns", max_continuation_turns)

    def with_max_execution_time_ms(self, max_execution_time_ms: int) -> Self:
        """Set `max_execution_time_ms`: milliseconds that a run may take."""
        return self.with_option("max_execution_time_ms", max_execution_time_ms)

    def with_llm_api_timeout(self, llm_api_timeout_ms: int) -> Self:
        """Set `llm_api_timeout_ms`: milliseconds that one request to the model may take."""
        return self.with_option("llm_api_timeout_ms", llm_api_timeout_ms)

    def with_retry_config(self, retry_config: RetryConfig | Mapping[str, object]) -> Self:
        """Set `retry_config`: how requests to the configured services are tried again."""
        return self.with_option("retry_config", retry_config)

    def with_command_env(self, command_env: Mapping[str, str]) -> Self:
        """Set `command_env`: variables that commands have besides the usual ones."""
        return self.with_option("command_env", command_env)

    def with_sandbox(self, sandbox: SandboxMode | Mapping[str, object]) -> Self:
        """Set `sandbox`: `auto`, `require` or `off`: whether the kernel confines what commands change."""
        return self.with_option("sandbox", sandbox)

    def with_workspace_backend(self, workspace_backend: Workspace) -> Self:
        """Set `workspace_backend`: files and commands of another place than this machine's folder."""
        return self.with_option("workspace_backend", workspace_backend)

    def with_host_env(self, host_env: HostEnv | Mapping[str, object]) -> Self:
        """Set `host_env`: where ids and times come from, for tests."""
        return self.with_option("host_env", host_env)

    def with_retention_limits(self, retention_limits: RetentionLimits | Mapping[str, object]) -> Self:
        """Set `retention_limits`: how much of runs and traces is kept in memory."""
        return self.with_option("retention_limits", retention_limits)

    def with_auto_compact(self, auto_compact: bool = True) -> Self:
        """Set `auto_compact`: whether a conversation that gets long is shortened."""
        return self.with_option("auto_compact", auto_compact)

    def with_auto_compact_threshold(self, auto_compact_threshold: float) -> Self:
        """Set `auto_compact_threshold`: share of the model's context at which that is done."""
        return self.with_option("auto_compact_threshold", auto_compact_threshold)

    def with_max_context_tokens(self, max_context_tokens: int) -> Self:
        """Set `max_context_tokens`: tokens of the model's context to use."""
        return self.with_option("max_context_tokens", max_context_tokens)

    def with_planning(self, planning: bool = True) -> Self:
        """Set `planning`: the older spelling of `planning_mode`."""
        return self.with_option("planning", planning)

    def with_planning_mode(self, planning_mode: PlanningMode) -> Self:
        """Set `planning_mode`: whether a plan is made first: `auto`, `enabled` or `disabled`."""
        return self.with_option("planning_mode", planning_mode)

    def with_goal_tracking(self, goal_tracking: bool = True) -> Self:
        """Set `goal_tracking`: whether goals are tracked."""
        return self.with_option("goal_tracking", goal_tracking)

    def with_auto_delegation(self, auto_delegation: Mapping[str, object] | bool) -> Self:
        """Set `auto_delegation`: whether and how tasks are delegated unasked."""
        return self.with_option("auto_delegation", auto_delegation)

    def with_auto_parallel(self, auto_parallel: bool = True) -> Self:
        """Set `auto_parallel`: whether tasks are delegated side by side unasked."""
        return self.with_option("auto_parallel", auto_parallel)

    def with_manual_delegation_enabled(self, manual_delegation_enabled: bool = True) -> Self:
        """Set `manual_delegation_enabled`: whether the model may delegate."""
        return self.with_option("manual_delegation_enabled", manual_delegation_enabled)

    def with_max_parallel_tasks(self, max_parallel_tasks: int) -> Self:
        """Set `max_parallel_tasks`: tasks side by side."""
        return self.with_option("max_parallel_tasks", max_parallel_tasks)

    def with_memory(self, memory: MemoryStore | bool = True) -> Self:
        """Set `memory`: whether it remembers beyond its conversation, or where: a store."""
        return self.with_option("memory", memory)

    def with_memory_store(self, memory_store: MemoryStore) -> Self:
        """Set `memory_store`: where it remembers."""
        return self.with_option("memory_store", memory_store)

    def with_file_memory(self, memory_dir: PathLike) -> Self:
        """Set `memory_dir`: the folder of files where it remembers."""
        return self.with_option("memory_dir", memory_dir)

    def with_memory_config(self, memory_config: MemoryConfig | Mapping[str, object]) -> Self:
        """Set `memory_config`: how much is remembered and recalled."""
        return self.with_option("memory_config", memory_config)

    def with_fs_context(self, fs_context: PathLike | bool = True) -> Self:
        """Set `fs_context`: the folder whose files are searched for what fits a prompt."""
        return self.with_option("fs_context", fs_context)

    def with_context_provider(self, context_provider: ContextProvider) -> Self:
        """Add one to those that are asked what fits a prompt."""
        return self._with_more("context_providers", context_provider)

    def with_default_security(self, default_security: bool = True) -> Self:
        """Set `default_security`: whether secrets are blotted out and hidden orders pointed at."""
        return self.with_option("default_security", default_security)

    def with_security_provider(self, security_provider: SecurityProvider) -> Self:
        """Set `security_provider`: does so in a way of its own."""
        return self.with_option("security_provider", security_provider)

    def with_hook_engine(self, hook_engine: HookEngine) -> Self:
        """Set `hook_engine`: hooks, which several sessions may share."""
        return self.with_option("hook_engine", hook_engine)

    def with_budget_guard(self, budget_guard: BudgetGuard) -> Self:
        """Set `budget_guard`: decides what may still be used up."""
        return self.with_option("budget_guard", budget_guard)

    def with_queue_config(self, queue_config: SessionQueueConfig | Mapping[str, object]) -> Self:
        """Set `queue_config`: how much of its work goes on at once, in lanes."""
        return self.with_option("queue_config", queue_config)

    def with_session_id(self, session_id: str) -> Self:
        """Set `session_id`: the session's id; made up if it is not given."""
        return self.with_option("session_id", session_id)

    def with_session_store(self, session_store: SessionStore | JournalStore) -> Self:
        """Set `session_store`: where the session is saved."""
        return self.with_option("session_store", session_store)

    def with_file_session_store(self, file_session_store: PathLike) -> Self:
        """Set `file_session_store`: the folder of a `FileSessionStore`."""
        return self.with_option("file_session_store", file_session_store)

    def with_auto_save(self, auto_save: bool = True) -> Self:
        """Set `auto_save`: whether it is saved after each run."""
        return self.with_option("auto_save", auto_save)

    def with_tenant_id(self, tenant_id: str) -> Self:
        """Set `tenant_id`: label: whose session it is."""
        return self.with_option("tenant_id", tenant_id)

    def with_principal(self, principal: str) -> Self:
        """Set `principal`: label: who wanted it."""
        return self.with_option("principal", principal)

    def with_agent_template_id(self, agent_template_id: str) -> Self:
        """Set `agent_template_id`: label: what it was made from."""
        return self.with_option("agent_template_id", agent_template_id)

    def with_correlation_id(self, correlation_id: str) -> Self:
        """Set `correlation_id`: label: the trace it belongs to."""
        return self.with_option("correlation_id", correlation_id)
