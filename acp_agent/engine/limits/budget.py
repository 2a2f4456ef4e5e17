"""What a session may still use up: its guards are asked, the user is told, and a no ends the turn."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from acp_agent.base.errors import FOREIGN_FAILURES, ProviderError
from acp_agent.base.ids import SessionId
from acp_agent.model import events
from acp_agent.model.limits import Allowed, BudgetDecision, Denied, LimitHit, SoftLimit, Spent
from acp_agent.model.session import StopReason
from acp_agent.ports.budget import BudgetGuard

logger = logging.getLogger(__name__)

GUARD = "budget_guard"
"""The resource of a denial because nobody could be asked."""


class BudgetExhausted(ProviderError):
    """A model is not asked because what the session may use is used up; `denied` says what."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(
            denied.reason,
            fault="budget_exhausted",
            provider="",
            hint="raise the limit, or wait until it is reset",
        )
        self.denied = denied


class Budget:
    """The guards of one session; the first that denies decides, for the rest of the turn.

    `record` tells the user.
    """

    def __init__(
        self,
        session_id: SessionId,
        guards: tuple[BudgetGuard, ...],
        record: Callable[[events.Event], Awaitable[None]],
    ) -> None:
        self.guards = guards
        self.denied: Denied | None = None
        self._session_id = session_id
        self._record = record

    def begin_turn(self) -> None:
        """Ask anew what was denied before."""
        self.denied = None

    async def before_llm(self, estimated_tokens: int) -> None:
        """Return if a model may be asked with about so many tokens.

        Raises:
            BudgetExhausted: it must not.
        """
        await self._ask(lambda guard: guard.check_before_llm(self._session_id, estimated_tokens))
        if self.denied is not None:
            raise BudgetExhausted(self.denied)

    async def before_tool(self, tool: str) -> str | None:
        """None if a call of this tool may run, else what the model is told; the turn then ends soon."""
        await self._ask(lambda guard: guard.check_before_tool(self._session_id, tool))
        if self.denied is None:
            return None
        return f"The budget of this session is used up; the call was not run: {self.denied.reason}"

    async def after_llm(self, spent: Spent) -> None:
        """Let the guards take note of what a request used."""
        for guard in self.guards:
            try:
                await guard.record_after_llm(self._session_id, spent)
            except FOREIGN_FAILURES as exc:
                await self._deny(_failed(exc))

    async def _ask(self, question: Callable[[BudgetGuard], Awaitable[BudgetDecision]]) -> None:
        for guard in self.guards:
            if self.denied is not None:
                return
            try:
                decision = await question(guard)
            except FOREIGN_FAILURES as exc:
                decision = _failed(exc)
            match decision:
                case Denied():
                    await self._deny(decision)
                case SoftLimit(resource, consumed, limit, message):
                    said = message or f"{consumed:g} of {limit:g} {resource} are used"
                    await self._record(LimitHit(resource, "soft", said, consumed, limit))
                case Allowed():
                    pass

    async def _deny(self, denied: Denied) -> None:
        self.denied = denied
        hit = LimitHit(denied.resource, "hard", denied.reason, denied.consumed, denied.limit)
        await self._record(hit)


def stop_reason_for(resource: str) -> StopReason:
    """Why a turn ended that came to the end of this resource, as exactly as there are words for it."""
    return "max_tokens" if "token" in resource else "max_turn_requests"


def _failed(exc: Exception | SystemExit) -> Denied:
    logger.error("the budget guard failed", exc_info=exc)
    return Denied(GUARD, f"the budget guard failed with `{type(exc).__name__}`, so nothing more is used")
