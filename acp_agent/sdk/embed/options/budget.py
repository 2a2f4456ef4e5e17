"""A program that decides what its sessions may still use up."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

import msgspec
from anyio import to_thread

from acp_agent.base.ids import SessionId
from acp_agent.model import limits
from acp_agent.model.limits import LimitHit
from acp_agent.sdk.embed.errors import BudgetExhausted, RunFailed
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.runs.results import TokenUsage

if TYPE_CHECKING:
    from acp_agent.ports.budget import BudgetGuard as EngineGuard


class BudgetDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard decides; made by `allow`, `soft` and `deny`."""

    decision: Literal["allow", "soft", "deny"]
    resource: str = ""
    consumed: float = 0.0
    limit: float = 0.0
    message: str | None = None
    reason: str = ""

    @classmethod
    def allow(cls) -> BudgetDecision:
        """It may be done."""
        return cls(decision="allow")

    @classmethod
    def soft(cls, resource: str, consumed: float, limit: float, message: str | None = None) -> BudgetDecision:
        """It may be done, and a limit is near."""
        return cls(decision="soft", resource=resource, consumed=consumed, limit=limit, message=message)

    @classmethod
    def deny(cls, resource: str, reason: str) -> BudgetDecision:
        """It must not be done; the run ends, the session stays open."""
        return cls(decision="deny", resource=resource, reason=reason)


Decided: TypeAlias = BudgetDecision | Mapping[str, object] | str | None
"""None and `"allow"` allow; a mapping has the fields of `BudgetDecision`."""


class BudgetGuard(Protocol):
    """Asked before requests and calls. Methods may be coroutines or plain; those left out allow."""

    def check_before_llm(self, session_id: str, estimated_prompt_tokens: int) -> Decided | Awaitable[Decided]:
        """Whether a model may be asked."""
        ...

    def record_after_llm(self, session_id: str, usage: TokenUsage) -> object:
        """Take note of what was used."""
        ...

    def check_before_tool(self, session_id: str, tool_name: str) -> Decided | Awaitable[Decided]:
        """Whether a tool may be called."""
        ...


class HostGuard:
    """The program's guard as the engine asks it. One that raises, or decides nothing clear, has denied."""

    def __init__(self, guard: BudgetGuard) -> None:
        self._guard = guard

    async def check_before_llm(self, session_id: SessionId, estimated_tokens: int) -> limits.BudgetDecision:
        """Whether a model may be asked."""
        return await self._decided("check_before_llm", session_id, estimated_tokens)

    async def record_after_llm(self, session_id: SessionId, spent: limits.Spent) -> None:
        """Tell it what was used."""
        await self._call("record_after_llm", session_id, TokenUsage.of(spent.usage))

    async def check_before_tool(self, session_id: SessionId, tool: str) -> limits.BudgetDecision:
        """Whether a tool may be called."""
        return await self._decided("check_before_tool", session_id, tool)

    async def _decided(self, method: str, *args: object) -> limits.BudgetDecision:
        decided = await self._call(method, *args)
        if decided is None or decided == "allow":
            return limits.ALLOWED
        if isinstance(decided, Mapping):
            decided = msgspec.convert(dict(cast("Mapping[str, object]", decided)), BudgetDecision)
        if not isinstance(decided, BudgetDecision):
            raise TypeError(f"`{method}` returned `{type(decided).__name__}`")
        match decided.decision:
            case "allow":
                return limits.ALLOWED
            case "soft":
                said = decided.message or ""
                return limits.SoftLimit(decided.resource, decided.consumed, decided.limit, said)
            case "deny":
                reason = decided.reason or decided.message or f"there is no budget for {decided.resource}"
                return limits.Denied(decided.resource, reason)

    async def _call(self, name: str, *args: object) -> object:
        method = cast("Callable[..., object] | None", getattr(self._guard, name, None))
        if method is None:
            return None
        if inspect.iscoroutinefunction(method):
            returned: object = method(*args)
        else:
            returned = await to_thread.run_sync(partial(method, *args))
        return await returned if inspect.isawaitable(returned) else returned


def failure_of(hit: LimitHit, run_id: str = "") -> RunFailed:
    """The error of a run that reached this limit."""
    if hit.resource == "time":
        milliseconds = round((hit.limit or 0) * 1000)
        said = f"Max execution time ({milliseconds} ms) exceeded"
        return RunFailed(said, run_id=run_id, code="timeout")
    return BudgetExhausted(hit.message, resource=hit.resource, run_id=run_id)


def threshold_event(hit: LimitHit) -> AgentEvent:
    """What a program is told of a limit that is near or reached."""
    return AgentEvent(
        "budget_threshold_hit",
        data={
            "resource": hit.resource,
            "kind": hit.kind,
            "consumed": hit.consumed,
            "limit": hit.limit,
            "message": hit.message,
        },
    )


if TYPE_CHECKING:
    _: type[EngineGuard] = HostGuard
