"""Starting the shell of one command, with a way to read what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, NamedTuple, Protocol, TypeAlias

import anyio
from anyio import to_thread
from anyio.abc import Process

from acp_agent.base.errors import WorkspaceError
from acp_agent.workspaces import linux
from acp_agent.workspaces.sandbox import Limits

_CHUNK_BYTES = 65_536
_CLOSING_TIME = 1.0


class Running(Protocol):
    """A started process."""

    @property
    def pid(self) -> int:
        """Its number, and the number of the process group it leads."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        ...

    async def wait(self) -> int:
        """Return how it ended once it has."""
        ...


class Command(NamedTuple):
    """What is started: text for the shell, where, with which environment and under which limits.

    It reads `input`, or nothing; its error output goes to `errors`, or along with its output.
    """

    text: str
    cwd: Path
    env: Mapping[str, str]
    limits: Limits
    input: IO[bytes] | int = subprocess.DEVNULL
    errors: IO[bytes] | None = None


Read: TypeAlias = Callable[[], Awaitable[bytes]]
"""Waits for output of the process; nothing means that everybody closed it."""

_Close: TypeAlias = Callable[[], Awaitable[None]]


@asynccontextmanager
async def started(command: Command) -> AsyncGenerator[tuple[Running, Read], None]:
    """The running shell in a process group of its own; whoever uses it sees to its end.

    Raises:
        WorkspaceError: it could not be started, or not be confined.
    """
    # shielded at first: a process started by a cancelled call would have no owner
    with anyio.CancelScope(shield=True) as starting:
        try:
            process, read, close = await _start(command)
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            raise WorkspaceError(f"cannot start the shell in `{command.cwd}`: {why.lower()}") from exc
        starting.shield = False
        try:
            yield process, read
        finally:
            with anyio.move_on_after(_CLOSING_TIME, shield=True):
                await close()


if sys.platform == "win32":

    async def _start(command: Command) -> tuple[Running, Read, _Close]:
        command.limits.prepare()
        process = await anyio.open_process(
            command.text,
            stdin=command.input,
            stderr=command.errors or subprocess.STDOUT,
            cwd=command.cwd,
            env=command.env,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
        )
        stream = process.stdout
        if stream is None:
            raise OSError("no pipe for its output")

        async def read() -> bytes:
            try:
                return await stream.receive(_CHUNK_BYTES)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return b""

        return process, read, process.aclose

else:

    async def _start(command: Command) -> tuple[Running, Read, _Close]:
        # A pipe of our own: the event loop's would delay the news of the exit until the last background
        # process closed it, and could not be closed by us before that.
        output, input_ = os.pipe()
        try:
            os.set_blocking(output, False)
            process = await (_confined if command.limits.prepare() else _unconfined)(command, input_)
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(input_)

        async def read() -> bytes:
            while True:
                await anyio.wait_readable(output)
                try:
                    return os.read(output, _CHUNK_BYTES)
                except BlockingIOError:
                    continue

        async def close() -> None:
            os.close(output)
            await process.aclose()

        return process, read, close

    async def _unconfined(command: Command, output: int) -> Process:
        return await anyio.open_process(
            [_shell(), "-c", command.text],
            stdin=command.input,
            stdout=output,
            stderr=command.errors or output,
            cwd=command.cwd,
            env=command.env,
            start_new_session=True,
        )

    async def _confined(command: Command, output: int) -> _Confined:
        def start(variables: Mapping[str, str]) -> _Confined:
            return _Confined(
                subprocess.Popen(
                    [_shell(), "-c", command.text],
                    stdin=command.input,
                    stdout=output,
                    stderr=command.errors or output,
                    cwd=command.cwd,
                    env={**command.env, **variables},
                    start_new_session=True,
                )
            )

        return await to_thread.run_sync(command.limits.start, start)

    def _shell() -> str:
        return "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"


class _Confined:
    """A process that the event loop does not know, because another thread started it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        try:
            self._ended = linux.open_process(process.pid)
        except OSError:
            process.kill()
            process.wait()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        while (code := self._process.poll()) is None:
            await anyio.wait_readable(self._ended)
        return code

    async def aclose(self) -> None:
        os.close(self._ended)
