"""One subagent at work: its own history and prompt, its session's files, permissions and user."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
import msgspec

from acp_agent.base.errors import FOREIGN_FAILURES, ProviderError
from acp_agent.base.ids import MessageId, SessionId, ToolCallId, random_id
from acp_agent.engine.context.instructions import ClientPrompt
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.journal import Journal
from acp_agent.engine.subagents.journal import subagent_journal
from acp_agent.engine.subagents.kinds import NOT_FOR_SUBAGENTS, may_use, rules_of
from acp_agent.engine.turns.answering import AnswerContext, answer_prompt
from acp_agent.engine.turns.leaving_plan import leaves_plan
from acp_agent.engine.turns.steering import Steering
from acp_agent.engine.turns.toolrun import ToolBench
from acp_agent.model import events
from acp_agent.model.chat import FromAssistant
from acp_agent.model.content import Text
from acp_agent.model.permission import Decision, PermissionRequest
from acp_agent.model.question import Answer, Question
from acp_agent.model.session import ModelInfo, StopReason
from acp_agent.model.subagent import AgentKind, SubagentState, Task
from acp_agent.ports import Asker, Broker, Provider, Tool

logger = logging.getLogger(__name__)

TIME_LIMIT = 1_800.0
"""Seconds that a subagent may work on one task."""

CLEANUP_TIME = 2.0
"""Seconds in which an ended subagent must have recorded its end."""

CANCELLED = "The task was cancelled before this call was finished."


class Ended(msgspec.Struct, frozen=True):
    """How a subagent's work ended; `answer` is for whoever gave the task."""

    state: SubagentState
    answer: str
    stop_reason: StopReason | None = None


class Subagent:
    """One subagent. `work` may be called once.

    Args:
        session: what the session it works for would answer a prompt with.
        journal: that session's.
        choose_model: the model of this id.
    """

    def __init__(
        self,
        agent_id: SessionId,
        kind: AgentKind,
        task: Task,
        *,
        session: AnswerContext,
        choose_model: Callable[[str], tuple[Provider, ModelInfo]],
    ) -> None:
        self.id = agent_id
        self.kind = kind
        self.task = task
        self.cost: float | None = None
        self._session = session
        self._choose_model = choose_model
        self._transcript = Transcript()
        self._briefing = session.briefing.anew()
        self._journal = subagent_journal(session.journal, agent_id, self._fold)

    async def work(self) -> Ended:
        """Do the task; whatever happens, its calls are closed and its journal is passed on at the end."""
        ended: Ended | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._journal.flush_regularly)
                with anyio.move_on_after(TIME_LIMIT):
                    ended = await self._answer()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(CLEANUP_TIME, shield=True):
                await self._journal.record(*self._transcript.close_calls("cancelled", CANCELLED))
        return ended or self._cut_short(f"The subagent was stopped after {TIME_LIMIT:.0f} s.")

    async def _answer(self) -> Ended:
        said = events.UserSaid(MessageId(self._session.new_id("msg")), (Text(self.task.prompt),))
        try:
            await self._journal.record(said)
            stop_reason = await answer_prompt(said, self._context())
        except ProviderError as exc:
            return self._cut_short(f"The subagent's model failed: {exc}.")
        except FOREIGN_FAILURES:
            incident = random_id("incident")
            logger.exception("subagent failed unexpectedly (%s)", incident)
            return self._cut_short(f"The subagent failed with an internal error ({incident}).")
        words = self._last_words()
        match stop_reason:
            case "end_turn":
                return Ended("completed", words or "(the subagent ended without a word)", stop_reason)
            case "max_turn_requests":
                return self._cut_short(f"The subagent used up its {self._max_steps} steps.", stop_reason)
            case _:
                return self._cut_short(f"The subagent's model stopped: {stop_reason}.", stop_reason)

    def _cut_short(self, why: str, stop_reason: StopReason | None = None) -> Ended:
        words = self._last_words()
        return Ended("failed", f"{why} The last it said: {words}" if words else why, stop_reason)

    def _last_words(self) -> str:
        for message in reversed(self._transcript.messages()):
            if isinstance(message, FromAssistant):
                text = "".join(part.text for part in message.content if isinstance(part, Text))
                if text.strip():
                    return text.strip()
        return ""

    def _fold(self, event: events.Event) -> None:
        self._transcript.apply(event)
        self._briefing.apply(event)
        if isinstance(event, events.UsageChanged):
            self.cost = event.cost

    @property
    def _max_steps(self) -> int:
        return min(self.kind.max_steps, self._session.max_steps)

    def _context(self) -> AnswerContext:
        kind, session = self.kind, self._session
        prompt = ClientPrompt(kind.prompt, replaces_rules=True)
        return msgspec.structs.replace(
            session,
            journal=self._journal,
            transcript=self._transcript,
            briefing=self._briefing,
            system=lambda: self._briefing.system(prompt, session.workspace.roots),
            max_steps=self._max_steps,
            choose_model=(lambda: self._choose_model(kind.model)) if kind.model else session.choose_model,
            set_bench=self._set_bench,
            cost_so_far=lambda: self.cost,
            steering=Steering(session.new_id),
            keeps_ids=False,
        )

    async def _set_bench(self) -> ToolBench:
        """Its session's, and nothing that the session may not do either."""
        bench = await self._session.set_bench()
        return msgspec.structs.replace(
            bench,
            journal=self._journal,
            broker=_Asking(bench.broker, self, self._session.journal),
            asker=_AskingForms(bench.asker, self, self._session.journal),
            tools={name: tool for name, tool in bench.tools.items() if self._has(name, tool)},
            rules=rules_of(self.kind, bench.rules),
            mode=(lambda: "plan") if self.kind.read_only else bench.mode,
            delegation=None,
        )

    def _has(self, name: str, tool: Tool) -> bool:
        return name not in NOT_FOR_SUBAGENTS and not leaves_plan(tool) and may_use(self.kind, name)


class _Asking:
    """The session's user, who is told which subagent asks, where they are to be asked."""

    def __init__(self, broker: Broker, agent: Subagent, journal: Journal) -> None:
        self._broker = broker
        self._agent = agent
        self._journal = journal

    async def ask(self, request: PermissionRequest) -> Decision:
        """The answer to a call of the subagent."""
        agent = self._agent
        if agent.kind.confirmation == "deny_on_ask":
            return "dismissed"
        asked_each_time = not any(choice.id == "allow_always" for choice in request.choices)
        if agent.kind.confirmation == "auto_approve" and not asked_each_time:
            return "allow_once"
        await self._journal.record(events.SubagentChanged(agent.id, "waiting", call_id=request.call_id))
        titled = msgspec.structs.replace(request.call, title=f"{agent.kind.name}: {request.call.title}")
        asked = msgspec.structs.replace(request, call=titled, subagent=agent.id)
        decision = await self._broker.ask(asked)
        await self._journal.record(events.SubagentChanged(agent.id, "running"))
        return decision


class _AskingForms:
    """The session's user, who is told which subagent a question is from."""

    def __init__(self, asker: Asker, agent: Subagent, journal: Journal) -> None:
        self._asker = asker
        self._agent = agent
        self._journal = journal

    async def ask(self, session_id: SessionId, call_id: ToolCallId | None, question: Question) -> Answer:
        """The answer to what a tool of the subagent asks."""
        agent = self._agent
        await self._journal.record(events.SubagentChanged(agent.id, "waiting", call_id=call_id))
        named = msgspec.structs.replace(question, message=f"{agent.kind.name}: {question.message}")
        answer = await self._asker.ask(session_id, call_id, named)
        await self._journal.record(events.SubagentChanged(agent.id, "running"))
        return answer

    def visited(self, visit_id: str) -> None:
        """Pass it on."""
        self._asker.visited(visit_id)


if TYPE_CHECKING:
    _: tuple[type[Broker], type[Asker]] = (_Asking, _AskingForms)
