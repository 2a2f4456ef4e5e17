"""What a peer needs from the bytes below it."""

from __future__ import annotations

from typing import Protocol

from acp_agent.rpc.framing import Frame


class EndOfTransport(Exception):
    """The other side closed its end; nothing more will be received."""


class Transport(Protocol):
    """A two-way stream of lines. One task receives, one sends; they may differ."""

    async def receive(self) -> Frame:
        """The next line without its newline, or `Oversized` in place of one that was too long.

        Raises:
            EndOfTransport: the other side is gone.
        """
        ...

    async def send(self, lines: bytes) -> None:
        """Write one or more complete lines, newlines included.

        Raises:
            ConnectionLost: the other side does not read any more.
        """
        ...

    async def aclose(self) -> None:
        """Close both directions."""
        ...
