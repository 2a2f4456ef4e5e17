"""Serving over standard streams: from the first answer to the last flush."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import anyio

from acp_agent.rpc.framing import LineFramer
from acp_agent.rpc.stdio import FdTransport, Wire
from acp_agent.server.connection import Connection
from acp_agent.server.opening import Opening

if TYPE_CHECKING:
    from acp_agent.surface.backend import Backend

logger = logging.getLogger(__name__)

END_TIME = 1.8
"""Seconds to the end of the process, at most, once the client is not listened to or written to any more."""


def serve_wire(
    wire: Wire,
    opening: Opening,
    open_backend: Callable[[], AbstractAsyncContextManager[Backend]],
    *,
    frame_limit: int,
) -> None:
    """Serve one client until it closes its end or the process is told to stop.

    Turns are cancelled, journals flushed and children stopped before this returns. Garbage collection may be
    off when it is called; it is on from the moment everything is loaded.
    """
    anyio.run(_serve, wire, opening, open_backend, frame_limit)


async def _serve(
    wire: Wire,
    opening: Opening,
    open_backend: Callable[[], AbstractAsyncContextManager[Backend]],
    frame_limit: int,
) -> None:
    transport = FdTransport(wire, LineFramer(frame_limit), received=opening.unread)
    async with open_backend() as backend:
        connection = Connection(transport, backend, offer=opening.offer)
        connection.load()
        gc.freeze()
        gc.enable()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on_signal, tasks.cancel_scope)
            await connection.serve()
            tasks.cancel_scope.cancel()
        _leave_at_the_latest()


def _leave_at_the_latest() -> None:
    """End the process even if a thread hangs in a call to a dead disk or network drive."""

    def leave() -> None:
        logger.error("not everything could be ended in order within %.1f s", END_TIME)
        os._exit(1)

    timer = threading.Timer(END_TIME, leave)
    timer.daemon = True
    timer.start()


async def _stop_on_signal(serving: anyio.CancelScope) -> None:
    if os.name != "posix":
        return  # there, closing the input is the way to stop
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        await _first(signals)
    serving.cancel()


async def _first(signals: AsyncIterator[signal.Signals]) -> None:
    async for received in signals:
        logger.info("stopping on %s", received.name)
        return
