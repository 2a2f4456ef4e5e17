"""Whoever decides what a session may still use up."""

from __future__ import annotations

from typing import Protocol

from acp_agent.base.ids import SessionId
from acp_agent.model.limits import BudgetDecision, Spent


class BudgetGuard(Protocol):
    """Asked before each model request and tool call. One that raises has denied."""

    async def check_before_llm(self, session_id: SessionId, estimated_tokens: int) -> BudgetDecision:
        """Whether a model may be asked with about so many tokens."""
        ...

    async def record_after_llm(self, session_id: SessionId, spent: Spent) -> None:
        """Take note of what an answered request used."""
        ...

    async def check_before_tool(self, session_id: SessionId, tool: str) -> BudgetDecision:
        """Whether a permitted call of this tool may run."""
        ...
