"""Two transports joined back to back, for tests and for embedding an agent in the client's process."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from acp_agent.base.errors import ConnectionLost
from acp_agent.rpc.framing import DEFAULT_FRAME_LIMIT, Frame, LineFramer
from acp_agent.rpc.transport import EndOfTransport, Transport


class MemoryTransport:
    """One end of a pair; made by `memory_transport_pair`."""

    def __init__(
        self,
        inbound: MemoryObjectReceiveStream[bytes],
        outbound: MemoryObjectSendStream[bytes],
        frame_limit: int,
    ) -> None:
        self._inbound = inbound
        self._outbound = outbound
        self._framer = LineFramer(frame_limit)
        self._ready: deque[Frame] = deque()

    async def receive(self) -> Frame:
        """The next line; raises `EndOfTransport` once the other end is closed."""
        while not self._ready:
            try:
                self._ready.extend(self._framer.feed(await self._inbound.receive()))
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                self._ready.extend(self._framer.finish())
                if not self._ready:
                    raise EndOfTransport from None
        return self._ready.popleft()

    async def send(self, lines: bytes) -> None:
        """Hand lines to the other end; never waits."""
        try:
            await self._outbound.send(lines)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise ConnectionLost from None

    async def aclose(self) -> None:
        """Close both directions."""
        self._inbound.close()
        self._outbound.close()


def memory_transport_pair(frame_limit: int = DEFAULT_FRAME_LIMIT) -> tuple[MemoryTransport, MemoryTransport]:
    """Two ends; what one sends, the other receives."""
    left_out, right_in = anyio.create_memory_object_stream[bytes](math.inf)
    right_out, left_in = anyio.create_memory_object_stream[bytes](math.inf)
    return MemoryTransport(left_in, left_out, frame_limit), MemoryTransport(right_in, right_out, frame_limit)


if TYPE_CHECKING:
    _: type[Transport] = MemoryTransport
