"""Where the work of a session queues, if its program wants it to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Effect
from acp_agent.model.toolcall import ToolOutcome


class Lanes(Protocol):
    """Lets calls and requests pass, each in the lane of its kind."""

    async def run_call(
        self,
        session_id: SessionId,
        tool: str,
        arguments: JsonObject,
        effect: Effect,
        run: Callable[[], Awaitable[ToolOutcome]],
    ) -> ToolOutcome:
        """The outcome of a permitted call, by `run` or by somebody else."""
        ...

    def generating(self) -> AbstractAsyncContextManager[None]:
        """The turn of one model request: entered when it has come, left when the answer is complete."""
        ...
