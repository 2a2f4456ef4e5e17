"""An agent as a child process, spoken to over its standard streams."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio.abc import Process

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.groups import one_error
from acp_agent.client.errors import AgentNotStarted
from acp_agent.rpc.framing import DEFAULT_FRAME_LIMIT, Frame, LineFramer
from acp_agent.rpc.transport import EndOfTransport, Transport

STDERR_LINES = 20
"""Lines of the agent's stderr kept for error messages."""

MAX_STDERR_LINE = 1000
"""Bytes kept of each."""

EXIT_TIME = 3.0
"""Seconds an agent gets to exit after its input is closed, before it is killed."""

MAX_NAME = 200
"""Characters of its command that name an agent in error messages."""

LAST_WORDS_TIME = 2.0
"""Seconds an agent that closed its output gets to finish its stderr and exit."""


class ProcessTransport:
    """Lines to and from a process.

    Attributes:
        name: its command.
        stderr_tail: the end of what it wrote there.
    """

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self.name = name
        self._framer = LineFramer(DEFAULT_FRAME_LIMIT)
        self._ready: deque[Frame] = deque()
        self._ended = False
        self._silent = anyio.Event()  # set when nothing more comes on stderr
        self.stderr_tail: deque[str] = deque(maxlen=STDERR_LINES)

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs, negative for a signal."""
        return self._process.returncode

    async def receive(self) -> Frame:
        """The next line of its stdout; raises `EndOfTransport` at the end."""
        assert self._process.stdout is not None  # opened with pipes
        while not self._ready:
            if self._ended:
                raise EndOfTransport
            try:
                self._ready.extend(self._framer.feed(await self._process.stdout.receive()))
            except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
                self._ended = True
                self._ready.extend(self._framer.finish())
                with anyio.move_on_after(LAST_WORDS_TIME):  # what it died of is on stderr
                    await self._silent.wait()
                    await self._process.wait()
        return self._ready.popleft()

    async def send(self, lines: bytes) -> None:
        """Write to its stdin."""
        assert self._process.stdin is not None  # opened with pipes
        try:
            await self._process.stdin.send(lines)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as exc:
            raise ConnectionLost("the agent does not read any more") from exc

    async def aclose(self) -> None:
        """Close its stdin, which asks it to exit."""
        assert self._process.stdin is not None  # opened with pipes
        await self._process.stdin.aclose()

    async def watch_stderr(self) -> None:
        """Keep the tail of its stderr until it ends."""
        if self._process.stderr is not None:
            partial = b""
            async for data in self._process.stderr:
                *lines, partial = (partial + data).split(b"\n")
                self.stderr_tail.extend(map(_shortened, lines))
                partial = partial[:MAX_STDERR_LINE]
            if partial:
                self.stderr_tail.append(_shortened(partial))
        self._silent.set()

    def kill(self) -> None:
        """End it, and what it started and left behind where the system keeps that together."""
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or about to be
                os.killpg(self._process.pid, signal.SIGKILL)
        elif self._process.returncode is None:
            self._process.kill()


@asynccontextmanager
async def start_agent(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    shares_stderr: bool = False,
) -> AsyncGenerator[ProcessTransport, None]:
    """Run an agent's command; when the context ends it is asked to exit, and killed if it does not.

    If it `shares_stderr`, what it writes there goes where ours does, and no tail is kept.

    Raises:
        AgentNotStarted: the command cannot be run.
    """
    if isinstance(command, str) or not command:
        raise AgentNotStarted([str(command)], "a command is a list of words, its program first")
    try:
        process = await anyio.open_process(
            list(command),
            cwd=cwd,
            env=env,
            stderr=None if shares_stderr else subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
    except OSError as exc:
        named = "" if exc.filename in (None, command[0]) else f": `{exc.filename}`"  # the folder, for one
        raise AgentNotStarted(command, f"{exc.strerror or exc}{named}") from exc
    transport = ProcessTransport(process, _shown(command))
    with one_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.watch_stderr)
            try:
                yield transport
            finally:
                with anyio.CancelScope(shield=True):
                    await transport.aclose()
                    with anyio.move_on_after(EXIT_TIME):
                        await process.wait()
                    transport.kill()
                    await process.wait()
                    tasks.cancel_scope.cancel()
                    await process.aclose()


def _shortened(line: bytes) -> str:
    return line[:MAX_STDERR_LINE].decode(errors="replace")


def _shown(command: Sequence[str]) -> str:
    """A command in an error message: one line, not too long."""
    line = " ".join(" ".join(command).split())
    return f"`{line}`" if len(line) <= MAX_NAME else f"`{line[:MAX_NAME]}…`"


if TYPE_CHECKING:
    _: type[Transport] = ProcessTransport
