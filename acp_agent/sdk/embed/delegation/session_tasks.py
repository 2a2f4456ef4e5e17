"""Work that a program gives to subagents of a session, and how far any of it is."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import anyio
import msgspec
from anyio import to_thread

from acp_agent.base.errors import ToolError
from acp_agent.base.paths import Places
from acp_agent.model.subagent import FoundAgents, Task, TaskReport
from acp_agent.sdk.embed.delegation.task_book import SubagentTaskSnapshot
from acp_agent.sdk.embed.delegation.workers import Worker, worker_kind
from acp_agent.sdk.embed.errors import ConfigInvalid, ToolFailed
from acp_agent.sdk.embed.options.fields import PathLike
from acp_agent.sdk.embed.options.given import converted
from acp_agent.sdk.embed.runs.results import ToolResult
from acp_agent.sdk.embed.sessions.base import SessionBase
from acp_agent.sdk.folders.agents import AgentFiles

logger = logging.getLogger(__name__)


class TaskSpec(msgspec.Struct, kw_only=True):
    """A task for a subagent: which one, a few words for people, and all that it is told.

    With `background` it is worked on while the program goes on.
    """

    agent: str
    description: str = ""
    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    background: bool = False


TaskLike: TypeAlias = TaskSpec | Mapping[str, object]
"""A task, also as a mapping of its fields."""


class SessionTasks(SessionBase):
    """Gives tasks to subagents. None of it is part of the conversation with the model."""

    async def task(self, task: TaskLike) -> ToolResult:
        """Let a subagent do it; its answer, or its id under `task_id` if it is done in the background.

        Raises:
            ToolFailed: there is no such subagent, or the task cannot be used.
            SessionClosed: the session is closed.
        """
        (result,) = await self.tasks([task])
        return result

    async def tasks(self, tasks: Sequence[TaskLike]) -> list[ToolResult]:
        """Let subagents do all of these, side by side as far as `max_parallel_tasks` lets them; in order.

        Raises:
            ToolFailed: there is no such subagent, or a task cannot be used; nothing was begun then.
            SessionClosed: the session is closed.
        """
        self._check_open()
        specs = [_spec(task) for task in tasks]
        subagents = self._session.subagents
        await subagents.wait_alive()
        await self._session.lookout.look()
        try:
            for spec in specs:
                subagents.check(spec.agent)
        except ToolError as exc:
            raise ToolFailed("task", str(exc)) from exc
        results: dict[int, ToolResult] = {}

        async def work(number: int, spec: TaskSpec) -> None:
            given = Task(spec.agent, spec.description or spec.agent, spec.prompt)
            if spec.background:
                results[number] = _result(subagents.start_for_program(given))
            else:
                results[number] = _result(await subagents.run_for_program(given))

        async with anyio.create_task_group() as group:
            for number, spec in enumerate(specs):
                group.start_soon(work, number, spec)
        return [results[number] for number in range(len(specs))]

    def subagent_task(self, task_id: str) -> SubagentTaskSnapshot | None:
        """The task of a subagent as it is now; None for an unknown one."""
        return self._host.tasks.get(task_id)

    def subagent_tasks(self) -> list[SubagentTaskSnapshot]:
        """The tasks of its subagents, the model's too, the oldest first."""
        return self._host.tasks.snapshots()

    def pending_subagent_tasks(self) -> list[SubagentTaskSnapshot]:
        """Those of them that are worked on."""
        return [task for task in self._host.tasks.snapshots() if task.status == "running"]

    def cancel_subagent_task(self, task_id: str) -> bool:
        """End the work on a task; False if it is not worked on."""
        return any(session.subagents.cancel(task_id) for session in self._opened.live())

    async def register_agent_dir(self, directory: PathLike) -> int:
        """Know the subagents that files in this folder define, as they are now; how many those are.

        Files that cannot be used are left out, with a warning in the log.

        Raises:
            ConfigInvalid: there is no such folder.
        """
        self._check_open()
        found = await to_thread.run_sync(_kinds_in, os.fspath(directory))
        for problem in found.problems:
            logger.warning("a subagent is left out: %s", problem)
        self._opened.workers.extend(found.kinds)
        await self._session.lookout.look_again()
        return len(found.kinds)

    async def register_worker_agent(self, spec: Worker) -> None:
        """Know this subagent from now on.

        Raises:
            ConfigInvalid: it cannot be used.
        """
        self._check_open()
        self._opened.workers.append(worker_kind(spec))
        await self._session.lookout.look_again()


def _kinds_in(directory: str) -> FoundAgents:
    folder = Path(directory).absolute()
    if not folder.is_dir():
        raise ConfigInvalid(f"`{folder}`: no such folder")
    return AgentFiles(Places(None, None), folder / "nowhere", [folder]).find()


def _spec(task: TaskLike) -> TaskSpec:
    try:
        return converted(task, TaskSpec, "the task cannot be used")
    except ConfigInvalid as exc:
        raise ToolFailed("task", str(exc)) from exc


def _result(report: TaskReport) -> ToolResult:
    failed = report.state not in ("completed", "running")
    return ToolResult("task", report.answer, int(failed), data={"task_id": report.id, "status": report.state})
