"""Lines over file descriptors, and the claim on this process's own standard streams.

The only module that touches descriptors 0 and 1. Imports nothing but the standard library until a
transport is made, so that the first line can be answered before an event loop exists.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from acp_agent.rpc.framing import Frame, LineFramer
    from acp_agent.rpc.transport import Transport

CHUNK = 256 * 1024
"""Bytes asked for in one read."""

UNREAD_TIME = 0.5
"""Seconds after which a client that has closed its end is not waited for to go on reading."""


class Wire(NamedTuple):
    """Private descriptors of the protocol stream, both owned by whoever claimed them."""

    read_fd: int
    write_fd: int


def claim_stdio() -> Wire:
    """Take the standard streams for the protocol and leave harmless ones in their place.

    Afterwards descriptor 0 reads nothing and descriptor 1 is stderr, for this process and every child:
    a stray print, a C library or a subprocess cannot write into the protocol or eat its input.
    """
    null = os.open(os.devnull, os.O_RDWR)
    while null <= 2:  # a standard stream was closed, and its number must not go to one of ours
        os.set_inheritable(null, True)
        null = os.open(os.devnull, os.O_RDWR)
    wire = Wire(os.dup(0), os.dup(1))
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return wire


def own_stdio_is_terminal() -> bool:
    """Whether a person at a terminal, not a client, is on standard input."""
    return sys.stdin is not None and sys.stdin.isatty()


class FdTransport:
    """A transport over a readable and a writable descriptor, both closed by `aclose`.

    On POSIX it waits with the event loop's selector; where descriptors cannot be selected on (Windows,
    regular files) a worker thread blocks instead.
    """

    def __init__(self, wire: Wire, framer: LineFramer, *, received: bytes = b"") -> None:
        self._wire = wire
        self._framer = framer
        self._ready: deque[Frame] = deque(framer.feed(received))
        self._ended = False
        self._selectable_read = _is_stream(wire.read_fd)
        self._selectable_write = _is_stream(wire.write_fd)
        if self._selectable_write:
            # Only pipes and sockets: a terminal shares this flag with the shell that started us.
            os.set_blocking(wire.write_fd, False)

    async def receive(self) -> Frame:
        """The next line; raises `EndOfTransport` at the end of input."""
        from acp_agent.rpc.transport import EndOfTransport

        while not self._ready:
            if self._ended:
                raise EndOfTransport
            data = await self._read()
            if data:
                self._ready.extend(self._framer.feed(data))
            else:
                self._ended = True
                self._ready.extend(self._framer.finish())
        return self._ready.popleft()

    async def send(self, lines: bytes) -> None:
        """Write all of it; waits while the client does not read, unless it also has nothing more to say."""
        import anyio

        from acp_agent.base.errors import ConnectionLost

        rest = memoryview(lines)
        try:
            if not self._selectable_write:
                await anyio.to_thread.run_sync(_write_all, self._wire.write_fd, rest)
                return
            while rest:
                try:
                    rest = rest[os.write(self._wire.write_fd, rest) :]
                except BlockingIOError:
                    await self._writable()
        except OSError as exc:
            raise ConnectionLost(f"cannot write to the client: {exc.strerror}") from exc

    async def aclose(self) -> None:
        """Close both descriptors."""
        for fd in self._wire:
            with contextlib.suppress(OSError):
                os.close(fd)

    async def _writable(self) -> None:
        import anyio

        from acp_agent.base.errors import ConnectionLost

        while True:
            had_ended = self._ended
            with anyio.move_on_after(UNREAD_TIME):
                await anyio.wait_writable(self._wire.write_fd)
                return
            if had_ended:
                raise ConnectionLost("the client closed its end and reads nothing any more")

    async def _read(self) -> bytes:
        import anyio

        try:
            if self._selectable_read:
                await anyio.wait_readable(self._wire.read_fd)
                return os.read(self._wire.read_fd, CHUNK)
            return await anyio.to_thread.run_sync(os.read, self._wire.read_fd, CHUNK, abandon_on_cancel=True)
        except OSError:  # a reset socket or a vanished terminal is an end like any other
            return b""


def _is_stream(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return os.name == "posix" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


def _write_all(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


if TYPE_CHECKING:
    _: type[Transport] = FdTransport
