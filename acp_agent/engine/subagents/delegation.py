"""Delegation: the subagents of one session, those that are waited for and those in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from acp_agent.base.errors import ToolError
from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.engine.overseeing import Overseer, watched_model
from acp_agent.engine.session_parts import SessionParts
from acp_agent.engine.subagents.background import BackgroundTasks, shown_ending
from acp_agent.engine.subagents.kinds import find_kind, known_kinds
from acp_agent.engine.subagents.run import CLEANUP_TIME, Ended, Subagent
from acp_agent.engine.subagents.telling import CANCELLED, endings, show_task
from acp_agent.engine.turns.answering import AnswerContext
from acp_agent.model import events
from acp_agent.model.session import ModelInfo
from acp_agent.model.subagent import AgentKind, FoundAgents, Task, TaskReport
from acp_agent.ports import Delegation, Provider, Tool


class Subagents:
    """The subagents of one session.

    Args:
        parts: what sessions are made of.
        session: what the session would answer a prompt with now.
        background: the session's tasks in the background, folded from its journal.
        overseer: whoever watches over the session.
    """

    def __init__(
        self,
        parts: SessionParts,
        session: Callable[[], AnswerContext],
        background: BackgroundTasks,
        overseer: Callable[[], Overseer | None],
    ) -> None:
        self.limits = parts.delegation
        self._make_tools = parts.task_tools
        self._session = session
        self._background = background
        self._choose_model: Callable[[str], tuple[Provider, ModelInfo]] = lambda model: watched_model(
            overseer(), parts.choose_model(model)
        )
        self._kinds = known_kinds(())
        self._tools: tuple[Tool, ...] | None = None
        self._problems: tuple[str, ...] = ()
        self._news: list[events.Noticed] = []
        self._slots = anyio.CapacityLimiter(parts.delegation.max_at_work)
        self._tasks: TaskGroup | None = None
        self._alive = anyio.Event()
        self._scopes: dict[SessionId, anyio.CancelScope] = {}  # of those at work or waiting to be

    def live_in(self, tasks: TaskGroup) -> None:
        """Let those in the background work there; they end with it."""
        self._tasks = tasks
        self._alive.set()

    async def wait_alive(self) -> None:
        """Return once the session lives, so that tasks can be started."""
        await self._alive.wait()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools by which the model delegates."""
        if self._tools is None:
            self._tools = self._make_tools(tuple(self._kinds.values())) if self.limits.by_model else ()
        return self._tools

    def learn(self, found: FoundAgents) -> None:
        """Know the kinds that files define by now."""
        kinds = known_kinds(found.kinds)
        if kinds != self._kinds:
            self._kinds, self._tools = kinds, None
        fresh = [problem for problem in found.problems if problem not in self._problems]
        self._problems = found.problems
        self._news += [events.Noticed("warning", "A subagent is left out", problem) for problem in fresh]

    def take_news(self) -> list[events.Noticed]:
        """What the user should know and has not been told."""
        news, self._news = self._news, []
        return news

    def endings(self) -> events.NoteAdded | None:
        """What to tell the model of tasks in the background that ended since it was told last."""
        ended = self._background.untold()
        return endings(ended) if ended else None

    async def before_answer(self, said: events.UserSaid) -> None:
        """Let subagents that the user's words call for work on them, and tell the model what they found."""
        if self.limits.automatic:
            from acp_agent.engine.subagents.automatic import delegate_unasked  # lazy: off unless wanted

            await delegate_unasked(said, self._session(), self._kinds, self.limits, self.run)

    async def run(self, task: Task, call_id: ToolCallId) -> TaskReport:
        """Let a subagent do the task; a cancelled caller cancels it.

        Raises:
            ToolError: there is no such subagent.
        """
        return await self._work(self._new(task), call_id)

    async def run_for_program(self, task: Task) -> TaskReport:
        """Let a subagent do a task that no model gave; it ends with the session, and with its caller.

        The user sees it as a call, and the model hears nothing of it.

        Raises:
            ToolError: there is no such subagent.
        """
        reports: list[TaskReport] = []
        over = anyio.Event()
        agent = self._begin_for_program(task, reports, over)
        try:
            await over.wait()
        finally:
            if not over.is_set():
                self.cancel(agent.id)
        return reports[0] if reports else TaskReport(agent.id, task, "cancelled", CANCELLED)

    def start_for_program(self, task: Task) -> TaskReport:
        """The same without waiting for its end.

        Raises:
            ToolError: there is no such subagent.
        """
        return TaskReport(self._begin_for_program(task, [], anyio.Event()).id, task, "running")

    def _begin_for_program(self, task: Task, reports: list[TaskReport], over: anyio.Event) -> Subagent:
        agent = self._new(task)
        tasks = self._living()

        async def work() -> None:
            try:
                session = self._session()
                reports.append(await show_task(task, session, lambda call_id: self._work(agent, call_id)))
            finally:
                self._scopes.pop(agent.id, None)
                over.set()

        self._scopes[agent.id] = anyio.CancelScope()
        tasks.start_soon(work)
        return agent

    def check(self, agent: str) -> None:
        """Raise what `run` would if there is no such subagent.

        Raises:
            ToolError: there is none.
        """
        self._kind(agent)

    def start(self, task: Task, call_id: ToolCallId) -> TaskReport:
        """Let it be done in the background.

        Raises:
            ToolError: there is no such subagent.
        """
        agent = self._new(task)
        tasks = self._living()
        self._scopes[agent.id] = anyio.CancelScope()
        tasks.start_soon(self._work_in_background, agent, call_id)
        return TaskReport(agent.id, task, "running")

    def reports(self) -> tuple[TaskReport, ...]:
        """How far every task in the background is."""
        return self._background.reports()

    def cancel(self, task_id: str) -> bool:
        """End a subagent's work; False if none of this id is at work."""
        scope = self._scopes.get(SessionId(task_id))
        if scope is None:
            return False
        scope.cancel()
        return True

    def cancel_all(self) -> None:
        """End the work of all of them."""
        for scope in self._scopes.values():
            scope.cancel()

    def _living(self) -> TaskGroup:
        if self._tasks is None:
            raise ToolError("this session is ending; it starts no more tasks")
        return self._tasks

    def _new(self, task: Task) -> Subagent:
        kind = self._kind(task.agent)
        session = self._session()
        agent_id = SessionId(session.new_id("sub"))
        return Subagent(agent_id, kind, task, session=session, choose_model=self._choose_model)

    def _kind(self, name: str) -> AgentKind:
        kind = find_kind(self._kinds, name)
        if kind is None:
            known = ", ".join(one.name for one in self._kinds.values() if not one.hidden)
            raise ToolError(f"there is no agent `{name}`; use one of: {known}")
        return kind

    async def _work_in_background(self, agent: Subagent, call_id: ToolCallId) -> None:
        report = TaskReport(agent.id, agent.task, "cancelled", CANCELLED)
        try:
            report = await self._work(agent, call_id)
        finally:  # also when the session is being ended
            with anyio.move_on_after(CLEANUP_TIME, shield=True):
                await self._session().journal.record(shown_ending(call_id, report))

    async def _work(self, agent: Subagent, call_id: ToolCallId) -> TaskReport:
        journal = self._session().journal
        ended = Ended("cancelled", CANCELLED, "cancelled")
        scope = self._scopes.setdefault(agent.id, anyio.CancelScope())
        try:
            with scope:
                async with self._slots:
                    task = agent.task
                    started = events.SubagentStarted(agent.id, call_id, task.agent, task.title, task.prompt)
                    await journal.record(started)
                    try:
                        ended = await agent.work()
                    finally:
                        with anyio.move_on_after(CLEANUP_TIME, shield=True):
                            await journal.record(
                                events.SubagentChanged(
                                    agent.id, ended.state, stop_reason=ended.stop_reason, cost=agent.cost
                                )
                            )
        finally:
            del self._scopes[agent.id]
        return TaskReport(agent.id, agent.task, ended.state, ended.answer)


if TYPE_CHECKING:
    _: type[Delegation] = Subagents
