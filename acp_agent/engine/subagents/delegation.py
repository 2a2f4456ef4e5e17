"""Delegation: the subagents of one session, those that are waited for and those in the background."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio
import msgspec
from anyio.abc import TaskGroup

from acp_agent.base.errors import ToolError
from acp_agent.base.ids import SessionId, ToolCallId, TurnId
from acp_agent.engine.subagents.kinds import BUILTIN_KINDS
from acp_agent.engine.subagents.run import CLEANUP_TIME, Ended, Subagent
from acp_agent.engine.turns.answering import AnswerContext
from acp_agent.model import events
from acp_agent.model.session import ModelInfo
from acp_agent.model.subagent import AgentKind, FoundAgents, Task, TaskReport
from acp_agent.ports import Delegation, Provider, Tool

MAX_AT_WORK = 4
"""Subagents of one session that work at the same time; others wait for their turn."""

MAX_REPORTS = 50
"""Tasks in the background that are remembered, those at work not counted."""


class Subagents:
    """The subagents of one session.

    Args:
        find: looks for kinds that files define.
        make_tools: makes the tools by which a model delegates to these kinds.
        session: what the session would answer a prompt with now.
        choose_model: the model of this id.
    """

    def __init__(
        self,
        *,
        find: Callable[[], Awaitable[FoundAgents]],
        make_tools: Callable[[tuple[AgentKind, ...]], tuple[Tool, ...]],
        session: Callable[[], AnswerContext],
        choose_model: Callable[[str], tuple[Provider, ModelInfo]],
    ) -> None:
        self._find = find
        self._make_tools = make_tools
        self._session = session
        self._choose_model = choose_model
        self._kinds = {kind.name: kind for kind in BUILTIN_KINDS}
        self._tools: tuple[Tool, ...] | None = None
        self._looked_in: TurnId | None = None
        self._problems: tuple[str, ...] = ()
        self._slots = anyio.CapacityLimiter(MAX_AT_WORK)
        self._tasks: TaskGroup | None = None
        self._scopes: dict[SessionId, anyio.CancelScope] = {}  # of those at work or waiting to be
        self._reports: dict[SessionId, TaskReport] = {}  # of those in the background

    def live_in(self, tasks: TaskGroup) -> None:
        """Let those in the background work there; they end with it."""
        self._tasks = tasks

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools by which the model delegates."""
        if self._tools is None:
            self._tools = self._make_tools(tuple(self._kinds.values()))
        return self._tools

    async def look(self, turn_id: TurnId | None) -> list[events.Noticed]:
        """Find out once in each turn which kinds there are; what the user should know of them."""
        if self._looked_in == turn_id:
            return []
        self._looked_in = turn_id
        found = await self._find()
        kinds = {kind.name: kind for kind in (*BUILTIN_KINDS, *found.kinds)}
        if kinds != self._kinds:
            self._kinds, self._tools = kinds, None
        fresh = [problem for problem in found.problems if problem not in self._problems]
        self._problems = found.problems
        return [events.Noticed("warning", "A subagent is left out", problem) for problem in fresh]

    async def run(self, task: Task, call_id: ToolCallId) -> TaskReport:
        """Let a subagent do the task; a cancelled caller cancels it.

        Raises:
            ToolError: there is no such subagent.
        """
        return await self._work(self._new(task), call_id)

    def start(self, task: Task, call_id: ToolCallId) -> TaskReport:
        """Let it be done in the background.

        Raises:
            ToolError: there is no such subagent.
        """
        agent = self._new(task)
        if self._tasks is None:
            raise ToolError("this session is ending; it starts no more tasks")
        report = TaskReport(agent.id, task, "running")
        ended = [known for known, one in self._reports.items() if one.state != "running"]
        for known in ended[: max(0, len(ended) - MAX_REPORTS + 1)]:
            del self._reports[known]
        self._reports[agent.id] = report
        self._scopes[agent.id] = anyio.CancelScope()
        self._tasks.start_soon(self._work, agent, call_id)
        return report

    def reports(self) -> tuple[TaskReport, ...]:
        """How far every task in the background is."""
        return tuple(self._reports.values())

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

    def _new(self, task: Task) -> Subagent:
        kind = self._kinds.get(task.agent)
        if kind is None:
            raise ToolError(f"there is no agent `{task.agent}`; use one of: {', '.join(self._kinds)}")
        session = self._session()
        agent_id = SessionId(session.new_id("sub"))
        return Subagent(agent_id, kind, task, session=session, choose_model=self._choose_model)

    async def _work(self, agent: Subagent, call_id: ToolCallId) -> TaskReport:
        journal = self._session().journal
        ended = Ended("cancelled", "The task was cancelled.", "cancelled")
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
            if agent.id in self._reports:
                self._reports[agent.id] = msgspec.structs.replace(
                    self._reports[agent.id], state=ended.state, answer=ended.answer
                )
        return TaskReport(agent.id, agent.task, ended.state, ended.answer)


if TYPE_CHECKING:
    _: type[Delegation] = Subagents
