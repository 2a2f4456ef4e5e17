"""Tasks for subagents of a blocking session. `SessionTasks` says more of each method."""

from __future__ import annotations

from collections.abc import Sequence

from acp_agent.sdk.embed.blocking.base import BlockingBase
from acp_agent.sdk.embed.delegation.session_tasks import TaskLike
from acp_agent.sdk.embed.delegation.task_book import SubagentTaskSnapshot
from acp_agent.sdk.embed.delegation.workers import Worker
from acp_agent.sdk.embed.options.fields import PathLike
from acp_agent.sdk.embed.runs.results import ToolResult


class BlockingTasks(BlockingBase):
    """Gives tasks to subagents."""

    def task(self, task: TaskLike) -> ToolResult:
        """Let a subagent do it; its answer, or its id under `task_id` if it is done in the background."""
        return self._wait(self._inner.task, task)

    def tasks(self, tasks: Sequence[TaskLike]) -> list[ToolResult]:
        """Let subagents do all of these, side by side as far as `max_parallel_tasks` lets them; in order."""
        return self._wait(self._inner.tasks, tasks)

    def subagent_task(self, task_id: str) -> SubagentTaskSnapshot | None:
        """The task of a subagent as it is now; None for an unknown one."""
        return self._look(self._inner.subagent_task, task_id)

    def subagent_tasks(self) -> list[SubagentTaskSnapshot]:
        """The tasks of its subagents, the model's too, the oldest first."""
        return self._look(self._inner.subagent_tasks)

    def pending_subagent_tasks(self) -> list[SubagentTaskSnapshot]:
        """Those of them that are worked on."""
        return self._look(self._inner.pending_subagent_tasks)

    def cancel_subagent_task(self, task_id: str) -> bool:
        """End the work on a task; False if it is not worked on."""
        return self._look(self._inner.cancel_subagent_task, task_id)

    def register_agent_dir(self, directory: PathLike) -> int:
        """Know the subagents that files in this folder define, as they are now; how many those are."""
        return self._wait(self._inner.register_agent_dir, directory)

    def register_worker_agent(self, spec: Worker) -> None:
        """Know this subagent from now on."""
        self._wait(self._inner.register_worker_agent, spec)
