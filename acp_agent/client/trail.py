"""The last words of a conversation, for whoever must find out what went wrong."""

from __future__ import annotations

import logging
from collections import deque
from typing import Literal, cast

from acp_agent.client.errors import AgentLost, BadAgent
from acp_agent.rpc.framing import Frame, Oversized
from acp_agent.rpc.transport import EndOfTransport, Transport

logger = logging.getLogger(__name__)

LAST_FRAMES = 6
"""Lines of the conversation kept for error messages."""

MAX_FRAME_TEXT = 300


class Trail:
    """Stands between a peer and its transport and keeps the last lines, for error messages.

    What is no message is kept from the peer: a line of chatter on the agent's standard output is skipped, and
    a line beyond the limit ends the conversation, since the answer somebody waits for may have been in it. A
    transport may tell its `name`, `stderr_tail` and `exit_code`.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._frames: deque[str] = deque(maxlen=LAST_FRAMES)
        self._fault = ""

    async def receive(self) -> Frame:
        """The next line that may be a message; raises `EndOfTransport` at the end, or where it must end."""
        while True:
            frame = await self._transport.receive()
            if isinstance(frame, Oversized):
                self._fault = f"sent a line of more than {frame.limit} bytes"
                raise EndOfTransport
            if frame.lstrip()[:1] in (b"{", b"["):
                return frame
            self.tap("in", frame)
            logger.warning("skipped a line of %d bytes that is no message", len(frame))

    async def send(self, lines: bytes) -> None:
        """Hand lines on."""
        await self._transport.send(lines)

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    def tap(self, direction: Literal["in", "out"], line: bytes) -> None:
        """Keep one line."""
        text = line[:MAX_FRAME_TEXT].decode(errors="replace").rstrip("\n")
        cut = "…" if len(line) > MAX_FRAME_TEXT else ""
        self._frames.append(f"{'<' if direction == 'in' else '>'} {text}{cut}")

    def lost(self, why: str) -> AgentLost:
        """The error that tells all of it."""
        told = self._fault or why
        code = getattr(self._transport, "exit_code", None)
        if code is not None:
            told += f" (exit code {code})"
        return AgentLost(self._name, told, self._frames, self._stderr)

    def bad(self, method: str, missing: str) -> BadAgent:
        """The error for an answer that is not what the protocol says."""
        return BadAgent(self._name, method, missing, self._frames, self._stderr)

    @property
    def _name(self) -> str:
        return str(getattr(self._transport, "name", "the agent"))

    @property
    def _stderr(self) -> tuple[str, ...]:
        return tuple(cast("deque[str]", getattr(self._transport, "stderr_tail", ())))
