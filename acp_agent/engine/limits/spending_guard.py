"""The guard of the limits that the settings set: on the cost of a session, on the tokens of a prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from acp_agent.base.ids import SessionId
from acp_agent.model.limits import ALLOWED, BudgetDecision, Denied, Limits, SoftLimit, Spent

if TYPE_CHECKING:
    from acp_agent.ports.budget import BudgetGuard

SOFT_SHARE = 0.8
"""Share of a limit at which the user is told that it is near."""

COST = "cost"
TOKENS = "tokens"


class SpendingGuard:
    """Counts what the requests of one session use. They are checked before each, so the last may go beyond.

    `cost_before` is what the session had cost before this process worked in it, None if that is not known.
    """

    def __init__(self, limits: Limits, cost_before: Callable[[], float | None]) -> None:
        self.limits = limits
        self.unpriced: str | None = None  # a model whose cost is not known
        self._cost_before = cost_before
        self._cost: float | None = None  # in all, once a request was made
        self._tokens = 0
        self._told: set[str] = set()  # resources whose nearing end was told

    def begin_prompt(self) -> None:
        """Count the tokens of another prompt."""
        self._tokens = 0
        self._told.discard(TOKENS)

    async def check_before_llm(self, session_id: SessionId, estimated_tokens: int) -> BudgetDecision:
        """Whether the limits leave anything."""
        cost = self._begin_cost()
        if self.limits.max_cost is None or cost < self.limits.max_cost:  # else that is told
            tokens = self._judge(TOKENS, self._tokens, self.limits.max_tokens_per_prompt, _tokens)
            if tokens != ALLOWED:
                return tokens
        return self._judge(COST, cost, self.limits.max_cost, _dollars)

    async def record_after_llm(self, session_id: SessionId, spent: Spent) -> None:
        """Count."""
        self._tokens += spent.usage.input_tokens + spent.usage.output_tokens
        if spent.cost is None:
            self.unpriced = spent.model
        else:
            self._cost = self._begin_cost() + spent.cost

    async def check_before_tool(self, session_id: SessionId, tool: str) -> BudgetDecision:
        """Tools cost nothing."""
        return ALLOWED

    def _begin_cost(self) -> float:
        if self._cost is None:
            self._cost = self._cost_before() or 0.0
        return self._cost

    def _judge(
        self, resource: str, consumed: float, limit: float | None, named: Callable[[float], str]
    ) -> BudgetDecision:
        if limit is None:
            return ALLOWED
        if consumed >= limit:
            return Denied(resource, f"{named(consumed)} of {named(limit)} are used", consumed, limit)
        if consumed < limit * SOFT_SHARE or resource in self._told:
            return ALLOWED
        self._told.add(resource)
        return SoftLimit(resource, consumed, limit, f"{named(consumed)} of {named(limit)} are used")


def _tokens(count: float) -> str:
    return f"{count:,.0f} tokens"


def _dollars(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.01 or not amount else f"${amount:.6f}"


if TYPE_CHECKING:
    _: type[BudgetGuard] = SpendingGuard
