"""A provider under oversight: budget and hooks are asked before each request, and told after it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING

import anyio

from acp_agent.base.errors import ProviderError
from acp_agent.engine.context.size import fixed_tokens, message_tokens
from acp_agent.engine.hooks.generation import generation_ended, generation_starts
from acp_agent.engine.hooks.session_hooks import SessionHooks
from acp_agent.engine.limits.budget import Budget
from acp_agent.engine.pricing import price_of
from acp_agent.model import chat
from acp_agent.model.limits import Spent
from acp_agent.model.session import ModelInfo
from acp_agent.ports import Provider
from acp_agent.ports.lanes import Lanes


class RequestBlocked(ProviderError):
    """A hook does not let a model be asked; the message is its reason."""

    def __init__(self, reason: str, provider: str) -> None:
        super().__init__(reason, fault="blocked", provider=provider, hint="a hook in the settings says so")


class MeteredProvider:
    """Asks `inner`, unless the budget or a hook says no. `spent` is told of each answer."""

    def __init__(
        self,
        inner: Provider,
        budget: Budget,
        hooks: SessionHooks,
        spent: Callable[[Spent], Awaitable[None]],
        lanes: Lanes | None = None,
    ) -> None:
        self._inner = inner
        self._budget = budget
        self._hooks = hooks
        self._spent = spent
        self._lanes = lanes

    @property
    def name(self) -> str:
        """The name models of this provider are prefixed with."""
        return self._inner.name

    def models(self) -> tuple[ModelInfo, ...]:
        """The models of the provider itself."""
        return self._inner.models()

    async def stream(self, request: chat.ModelRequest) -> AsyncGenerator[chat.ModelDelta, None]:
        """Ask the model.

        Raises:
            BudgetExhausted: there is no budget for it.
            RequestBlocked: a hook objects.
            ProviderError: it could not answer.
        """
        if self._budget.guards:
            await self._budget.before_llm(_estimate(request))
        why = await generation_starts(self._hooks, request)
        if why is not None:
            raise RequestBlocked(why, self.name)
        begun, text, calls = anyio.current_time(), "", list[str]()
        turn = nullcontext() if self._lanes is None else self._lanes.generating()
        async with turn, aclosing(self._inner.stream(request)) as deltas:
            async for delta in deltas:
                match delta:
                    case chat.TextDelta(more):
                        text += more
                    case chat.CallStarted(name=name):
                        calls.append(name)
                    case chat.StepFinished(_, usage):
                        await self._spent(Spent(request.model.id, usage, price_of(request.model, usage)))
                        took = anyio.current_time() - begun
                        await generation_ended(self._hooks, request, text, calls, usage, seconds=took)
                    case _:
                        pass
                yield delta

    async def prepare(self) -> None:
        """Do the slow part of the first request while nobody waits for it."""
        await self._inner.prepare()

    async def aclose(self) -> None:
        """Do nothing: the provider belongs to the agent."""


def _estimate(request: chat.ModelRequest) -> int:
    return fixed_tokens(request.system, request.tools) + sum(map(message_tokens, request.messages))


if TYPE_CHECKING:
    _: type[Provider] = MeteredProvider
