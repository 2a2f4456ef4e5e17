"""The prompts of a session that are accepted and not ended: they wait for one another, and end together."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator

import anyio
import msgspec

from acp_agent.base.ids import TurnId
from acp_agent.base.trace import Trace
from acp_agent.model.content import Content


class Prompt(msgspec.Struct, frozen=True):
    """What is to be worked on in one turn; cancelling `scope` ends it, or keeps it from being begun."""

    turn_id: TurnId
    content: tuple[Content, ...]
    scope: anyio.CancelScope
    trace: Trace


class Prompts:
    """A mailbox, and a list of what is in it or was taken out and has not ended."""

    def __init__(self) -> None:
        self._open: list[Prompt] = []  # in order; the first may be worked on
        self._send, self._mailbox = anyio.create_memory_object_stream[Prompt](math.inf)

    def __len__(self) -> int:
        return len(self._open)

    def put(self, turn_id: TurnId, content: tuple[Content, ...], trace: Trace) -> None:
        """Accept one."""
        prompt = Prompt(turn_id, content, anyio.CancelScope(), trace)
        self._open.append(prompt)
        self._send.send_nowait(prompt)

    async def each(self) -> AsyncGenerator[Prompt, None]:
        """Every prompt in its turn, until `close`."""
        async for prompt in self._mailbox:
            yield prompt

    def cancel(self) -> None:
        """End all of them."""
        for prompt in self._open:
            prompt.scope.cancel()

    def ended(self, turn_id: TurnId) -> None:
        """This one has."""
        self._open = [prompt for prompt in self._open if prompt.turn_id != turn_id]

    @property
    def not_ended(self) -> tuple[Prompt, ...]:
        """Those that were accepted and have not ended."""
        return tuple(self._open)

    def close(self) -> None:
        """Take none out any more."""
        self._send.close()
        self._mailbox.close()
