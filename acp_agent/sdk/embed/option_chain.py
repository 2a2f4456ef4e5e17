"""The options as a chain of calls: `SessionOptions().with_model("openai/gpt-5").with_auto_save()`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from acp_agent.ports import Provider
from acp_agent.sdk.embed.confirmations import Confirm
from acp_agent.sdk.embed.custom_tools import CustomTool
from acp_agent.sdk.embed.option_fields import PathLike, PlanningMode, SystemPromptSlots
from acp_agent.sdk.embed.permission import Checker, ConfirmationPolicy, PermissionPolicy
from acp_agent.sdk.embed.session_data import JournalStore, SessionStore


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

    def with_prompt_slots(self, prompt_slots: SystemPromptSlots) -> Self:
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
