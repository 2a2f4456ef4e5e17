"""Lines over a pair of byte streams: a socket, the two ends of a pipe, whatever anyio has a stream for."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream

from acp_agent.base.errors import ConnectionLost
from acp_agent.rpc.framing import DEFAULT_FRAME_LIMIT, Frame, LineFramer
from acp_agent.rpc.transport import EndOfTransport

if TYPE_CHECKING:
    from acp_agent.rpc.transport import Transport

_GONE = (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError)


class StreamTransport:
    """A transport over two streams, which may be one; both are closed by `aclose`."""

    def __init__(self, incoming: ByteReceiveStream, outgoing: ByteSendStream) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._framer = LineFramer(DEFAULT_FRAME_LIMIT)
        self._ready: deque[Frame] = deque()
        self._ended = False

    async def receive(self) -> Frame:
        """The next line; raises `EndOfTransport` at the end."""
        while not self._ready:
            if self._ended:
                raise EndOfTransport
            try:
                self._ready.extend(self._framer.feed(await self._incoming.receive()))
            except _GONE:
                self._ended = True
                self._ready.extend(self._framer.finish())
        return self._ready.popleft()

    async def send(self, lines: bytes) -> None:
        """Write all of it; waits while the other side does not read."""
        try:
            await self._outgoing.send(lines)
        except _GONE as exc:
            raise ConnectionLost("the other side does not read any more") from exc

    async def aclose(self) -> None:
        """Close both streams."""
        await self._outgoing.aclose()
        await self._incoming.aclose()


if TYPE_CHECKING:
    _: type[Transport] = StreamTransport
