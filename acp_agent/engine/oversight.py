"""Oversight: whoever watches over the work of one session. Its hooks, its limits, and where its calls queue.

A session reaches it through `overseeing.py`; what hooks are is in `hooks/`, what limits are in `limits/`.
A session has one only if there may be something to ask; one that is not armed is asked nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from acp_agent.base.errors import FOREIGN_FAILURES, ProviderError
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.hooks.calls import after_call, before_call
from acp_agent.engine.hooks.generation import prompt_given, usage_object, words
from acp_agent.engine.hooks.registry import HookRegistry
from acp_agent.engine.hooks.session_hooks import SessionHooks
from acp_agent.engine.limits.budget import Budget, BudgetExhausted, stop_reason_for
from acp_agent.engine.limits.metered import MeteredProvider, RequestBlocked
from acp_agent.engine.limits.spending_guard import SpendingGuard
from acp_agent.engine.overseeing import Overseer
from acp_agent.engine.permission.rules import ToolUse
from acp_agent.engine.skills.watching import skill_called, skill_commanded, skills_put_away
from acp_agent.engine.watch import Watch
from acp_agent.model import events
from acp_agent.model.chat import FromAssistant
from acp_agent.model.limits import LimitHit, Limits, Spent
from acp_agent.model.session import StopReason
from acp_agent.model.toolcall import ToolOutcome
from acp_agent.ports import Provider

if TYPE_CHECKING:
    from acp_agent.engine.session import Session

TIME = "time"
"""The resource of the limit on how long a prompt is worked on."""

OUT_OF_TIME = "The time for this prompt was over before this call was finished; its effect is unknown."


class Oversight:
    """Asks on behalf of `session`."""

    def __init__(self, session: Session, watch: Watch) -> None:
        self._session = session
        self._spending = SpendingGuard(watch.limits, lambda: session.state.cost)
        self.hooks = SessionHooks(
            session.id,
            lambda: session.record.labels,
            configured=watch.hooks,
            registry=HookRegistry() if watch.registry is None else watch.registry,
            roots=lambda: session.workspace.roots,
            tell=session.journal.record,
        )
        self.budget = Budget(session.id, (), session.journal.record)
        self._begun: float | None = None
        self.use(watch)

    @property
    def armed(self) -> bool:
        """Whether there is anybody to ask."""
        return self._meters or self._limits != Limits()

    def use(self, watch: Watch) -> None:
        """Ask the hooks and keep to the limits of these settings from now on."""
        self.hooks.configured = watch.hooks
        self._limits = self._spending.limits = watch.limits
        self._lanes = watch.lanes
        spends = self._limits.max_cost is not None or self._limits.max_tokens_per_prompt is not None
        self.budget.guards = (self._spending, *watch.guards) if spends else watch.guards

    def watched(self, provider: Provider) -> Provider:
        """The provider, asking first if there is anybody to ask."""
        if not self._meters:
            return provider
        return MeteredProvider(provider, self.budget, self.hooks, self._spent, self._lanes)

    @property
    def _meters(self) -> bool:
        return bool(self.budget.guards) or self.hooks.armed or self._lanes is not None

    async def see_through(
        self, work: Callable[[], Awaitable[StopReason]], said: events.UserSaid
    ) -> StopReason:
        """Do the work that answers a prompt, within its limits and in sight of the hooks.

        Raises:
            ProviderError: the model could not answer.
        """
        self.budget.begin_turn()
        self._spending.begin_prompt()
        await self._begin_session()
        skills = self._session.toolbox.skills
        why = await prompt_given(self.hooks, said.content)
        why = why or await skill_commanded(skills, self.hooks, self._session.now())
        if why is not None:
            notice = events.Noticed("warning", "A hook blocked this prompt", why)
            await self._session.journal.record(notice, events.Rewound(said.message_id, self._session.now()))
            return "refusal"
        begun = anyio.current_time()
        try:
            stop_reason = await self._in_time(work)
        except BudgetExhausted as exc:
            return stop_reason_for(exc.denied.resource)
        except RequestBlocked as exc:
            notice = events.Noticed("warning", "A hook keeps the model from being asked", str(exc))
            await self._session.journal.record(notice)
            return "end_turn"
        except FOREIGN_FAILURES as exc:
            await self._tell_error(exc)
            raise
        finally:
            await skills_put_away(skills, self.hooks)
        await self._tell_response(stop_reason, anyio.current_time() - begun)
        return stop_reason

    async def before_call(self, use: ToolUse) -> str | None:
        """None if no hook objects to the call, else what the model is told."""
        return await before_call(self.hooks, use)

    async def before_run(self, use: ToolUse) -> str | None:
        """None if there is budget for the permitted call, else what the model is told."""
        session = self._session
        why = await self.budget.before_tool(use.tool)
        return why or await skill_called(use, session.toolbox.skills, self.hooks, session.now())

    async def run_call(self, use: ToolUse, run: Callable[[], Awaitable[ToolOutcome]]) -> ToolOutcome:
        """The outcome of a permitted call, with what hooks have to say about it."""
        begun = anyio.current_time()
        lanes, effect = self._lanes, use.access.effect
        if lanes is None:
            outcome = await run()
        else:
            outcome = await lanes.run_call(self._session.id, use.tool, use.arguments, effect, run)
        return await after_call(self.hooks, use, outcome, seconds=anyio.current_time() - begun)

    async def end(self) -> None:
        """Tell the hooks that the session ends."""
        if self._begun is None:
            return
        lived = anyio.current_time() - self._begun
        total = self._session.state.spending.total

        def facts() -> JsonObject:
            return {
                "total_tokens": total.input_tokens + total.output_tokens,
                "total_tool_calls": self.hooks.n_calls,
                "duration_ms": round(lived * 1000),
            }

        await self.hooks.ask("session_end", facts)

    async def _begin_session(self) -> None:
        if self._begun is not None:
            return
        self._begun = anyio.current_time()
        session = self._session
        await self.hooks.ask(
            "session_start",
            lambda: {"system_prompt": session.answer_context().system(), "model": session.state.model},
        )

    async def _in_time(self, work: Callable[[], Awaitable[StopReason]]) -> StopReason:
        limit = self._limits.max_seconds_per_prompt
        with anyio.move_on_after(limit):
            return await work()
        calls = self._session.transcript.close_calls("cancelled", OUT_OF_TIME)
        said = f"A prompt may be worked on for {limit:g} s"
        await self._session.journal.record(*calls, LimitHit(TIME, "hard", said, limit, limit))
        return stop_reason_for(TIME)

    async def _spent(self, spent: Spent) -> None:
        unpriced = self._spending.unpriced
        await self.budget.after_llm(spent)
        model = self._spending.unpriced
        if self._limits.max_cost is not None and model != unpriced:
            said = f"The prices of `{model}` are not known; set them in the settings of its provider"
            await self._session.journal.record(
                events.Noticed("warning", "The limit on costs does not hold", said)
            )

    async def _tell_error(self, exc: Exception | SystemExit) -> None:
        kind = exc.fault if isinstance(exc, ProviderError) else "internal"
        message = str(exc) if isinstance(exc, ProviderError) else type(exc).__name__
        await self.hooks.ask("on_error", lambda: {"error_type": kind, "error_message": message})

    async def _tell_response(self, stop_reason: StopReason, seconds: float) -> None:
        spending = self._session.state.spending

        def facts() -> JsonObject:
            return {
                "response_text": _last_answer(self._session.transcript),
                "stop_reason": stop_reason,
                "usage": usage_object(spending.last),
                "duration_ms": round(seconds * 1000),
            }

        await self.hooks.ask("post_response", facts)


def _last_answer(transcript: Transcript) -> str:
    for message in reversed(transcript.messages()):
        if isinstance(message, FromAssistant):
            return words(message.content)
    return ""


if TYPE_CHECKING:
    _: type[Overseer] = Oversight
