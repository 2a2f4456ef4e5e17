"""A model that answers each request when the test lets it, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import anyio.lowlevel

from acp_agent.model.chat import (
    FromAssistant,
    FromUser,
    ModelDelta,
    ModelRequest,
    StepFinished,
    TextDelta,
    Usage,
)
from acp_agent.model.content import Text
from acp_agent.model.session import ModelInfo
from tests.patience import PATIENCE


class ReplyingProvider:
    """Says `answer 1`, `answer 2` …; while `held`, each answer waits for `release` after its first word."""

    name = "scripted"

    def __init__(self, *, held: bool = False) -> None:
        self.requests: list[ModelRequest] = []
        self.held = held
        self._asked = anyio.Event()
        self._free = anyio.Event()

    def models(self) -> tuple[ModelInfo, ...]:
        return (ModelInfo("scripted/script", "Replying"),)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        await anyio.lowlevel.checkpoint()
        self.requests.append(request)
        number = len(self.requests)
        yield TextDelta("answer ")
        self._asked.set()
        if self.held:
            await self._free.wait()
            self._free = anyio.Event()
        yield TextDelta(str(number))
        yield StepFinished("stop", Usage())

    async def wait_asked(self) -> None:
        """Return once another request has come."""
        with anyio.fail_after(PATIENCE):
            await self._asked.wait()
        self._asked = anyio.Event()

    def release(self) -> None:
        """Let the request that is held end."""
        self._free.set()

    def told(self, number: int = -1) -> list[str]:
        """What was said by user and model in a request's history, in order."""
        return [
            part.text
            for message in self.requests[number].messages
            if isinstance(message, FromUser | FromAssistant)
            for part in message.content
            if isinstance(part, Text)
        ]

    async def prepare(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
