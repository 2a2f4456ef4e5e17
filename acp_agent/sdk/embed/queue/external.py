"""Calls that the program runs itself: handed over, waited for, answered once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import anyio
import msgspec

from acp_agent.base.ids import random_id
from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.model.toolcall import ToolOutcome, failed, succeeded
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.given import converted
from acp_agent.sdk.embed.queue.config import Lane
from acp_agent.sdk.embed.queue.records import ExternalTask


class ExternalResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the program says of a task: a text, or an object with `output` and `exit_code`; or an error."""

    success: bool
    result: JsonValue = None
    error: str | None = None

    @property
    def outcome(self) -> ToolOutcome:
        """The same as the outcome of a call."""
        output, raw = self.result, None
        if isinstance(output, dict) and "output" in output:
            raw = {name: value for name, value in output.items() if name != "output"} or None
            output = output["output"]
        text = output if isinstance(output, str) else "" if output is None else dump_text(output)
        if self.success:
            return succeeded(text or "(no output)", raw_output=raw)
        return failed(self.error or text or "it failed", raw_output=raw)


class _Waiting:
    def __init__(self, task: ExternalTask, deadline: float) -> None:
        self.task = task
        self.deadline = deadline
        self.answered = anyio.Event()
        self.result: ExternalResult | None = None


class ExternalTasks:
    """The calls that wait for the program; `tell` tells it of them."""

    def __init__(self, tell: Callable[[AgentEvent], None]) -> None:
        self._tell = tell
        self._waiting: dict[str, _Waiting] = {}

    def pending(self) -> list[ExternalTask]:
        """Those that wait now, in the order they were handed over."""
        now = anyio.current_time()
        return [
            msgspec.structs.replace(one.task, remaining_ms=max(0, round((one.deadline - now) * 1000)))
            for one in self._waiting.values()
        ]

    def complete(self, task_id: str, result: ExternalResult | Mapping[str, object]) -> bool:
        """Answer a task; False if none of this id waits.

        Raises:
            ConfigInvalid: the result cannot be used.
        """
        answer = converted(result, ExternalResult, "`result`")
        waiting = self._waiting.pop(task_id, None)
        if waiting is None:
            return False
        waiting.result = answer
        waiting.answered.set()
        return True

    async def ask(
        self, session_id: str, lane: Lane, tool: str, arguments: JsonObject, timeout_ms: int
    ) -> ToolOutcome | None:
        """The program's outcome of the call; None if it gave none in time."""
        task = self.announce(session_id, lane, tool, arguments, timeout_ms)
        waiting = _Waiting(task, anyio.current_time() + timeout_ms / 1000)
        self._waiting[task.task_id] = waiting
        try:
            with anyio.move_on_after(timeout_ms / 1000):
                await waiting.answered.wait()
        finally:
            self._waiting.pop(task.task_id, None)
            self.conclude(task, success=waiting.result is not None and waiting.result.success)
        return None if waiting.result is None else waiting.result.outcome

    def announce(
        self, session_id: str, lane: Lane, tool: str, arguments: JsonObject, timeout_ms: int
    ) -> ExternalTask:
        """Tell the program of a call."""
        task = ExternalTask(
            random_id("task"), session_id, lane, tool, arguments, timeout_ms, remaining_ms=timeout_ms
        )
        data = cast("JsonObject", {"lane": lane, "command_type": tool, "payload": arguments})
        self._tell(
            AgentEvent(
                "external_task_pending",
                task_id=task.task_id,
                session_id=session_id,
                timeout_ms=timeout_ms,
                data=data,
            )
        )
        return task

    def conclude(self, task: ExternalTask, *, success: bool) -> None:
        """Tell it of the call's end."""
        self._tell(
            AgentEvent(
                "external_task_completed",
                task_id=task.task_id,
                session_id=task.session_id,
                data={"success": success},
            )
        )
