"""One shell command from start to end. Nothing it started outlives the call."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import anyio
from anyio.abc import Process

from acp_agent.base.errors import WorkspaceError
from acp_agent.ports import ProcessResult, RunSink
from acp_agent.workspaces.output import OutputTail, Throttle
from acp_agent.workspaces.processtree import Member, descendants, signal_tree

GRACE = 1.0
"""Seconds between asking processes to stop and killing them."""

DRAIN = 0.5
"""Seconds to wait, after the shell ended, for background processes to let go of the output."""

_CHUNK_BYTES = 65_536
_Read: TypeAlias = Callable[[], Awaitable[bytes]]


async def run_command(
    command: str,
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    output_limit: int,
    sink: RunSink,
    clock: Callable[[], float] = anyio.current_time,
) -> ProcessResult:
    """Run `command` in a shell and report its output while it grows.

    The command cannot read our input. When it ends, is cancelled or exceeds `timeout` seconds, every process
    of its group is stopped: politely first, by force after `GRACE` seconds. `clock` paces the reports.

    Raises:
        WorkspaceError: the shell could not be started.
    """
    tail = OutputTail(output_limit)
    throttle = Throttle(lambda: sink.output(tail.text), clock)
    limit = anyio.CancelScope()
    async with _started(command, cwd, env) as (process, read), anyio.create_task_group() as task_group:
        all_read = anyio.Event()
        reading = anyio.CancelScope(shield=True)
        task_group.start_soon(_read_all, read, tail, throttle, reading, all_read)
        try:
            limit.deadline = anyio.current_time() + timeout
            with limit:
                await process.wait()
            if not limit.cancelled_caught:
                with anyio.move_on_after(DRAIN):
                    await all_read.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process, all_read)
            reading.cancel()
    tail.finish()
    throttle.flush()
    return _result(process.returncode, tail, timed_out=limit.cancelled_caught)


async def _read_all(
    read: _Read, tail: OutputTail, throttle: Throttle, scope: anyio.CancelScope, all_read: anyio.Event
) -> None:
    with scope:
        while True:
            data: bytes | None = None
            due_in = throttle.due_in
            with anyio.move_on_after(due_in):
                data = await read()
            if data is None:
                throttle.flush()
            elif data:
                tail.feed(data)
                throttle.changed()
            else:
                break
        all_read.set()


async def _end(process: Process, all_read: anyio.Event) -> None:
    """Stop what is left of the command's group; bounded, whatever the processes do."""
    stragglers: tuple[Member, ...] = ()
    if process.returncode is None:
        stragglers = descendants(process.pid)
        signal_tree(process.pid, stragglers, "end")
        with anyio.move_on_after(GRACE):
            await process.wait()
            await all_read.wait()
    signal_tree(process.pid, stragglers, "kill")
    with anyio.move_on_after(GRACE):
        await process.wait()


def _result(returncode: int | None, tail: OutputTail, *, timed_out: bool) -> ProcessResult:
    signal_name = None
    if returncode is not None and returncode < 0:
        import signal

        try:
            signal_name = signal.Signals(-returncode).name
        except ValueError:  # real-time signals have numbers only
            signal_name = f"SIG{-returncode}"
    ended_itself = not timed_out and signal_name is None
    return ProcessResult(
        tail.text, returncode if ended_itself else None, signal_name, timed_out, tail.truncated
    )


@asynccontextmanager
async def _started(
    command: str, cwd: Path, env: Mapping[str, str]
) -> AsyncGenerator[tuple[Process, _Read], None]:
    # shielded at first: a process started by a cancelled call would have no owner
    with anyio.CancelScope(shield=True) as starting:
        try:
            process, read, close = await _start(command, cwd, env)
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            raise WorkspaceError(f"cannot start the shell in `{cwd}`: {why.lower()}") from exc
        starting.shield = False
        try:
            yield process, read
        finally:
            with anyio.move_on_after(GRACE, shield=True):
                await close()


if sys.platform == "win32":

    async def _start(
        command: str, cwd: Path, env: Mapping[str, str]
    ) -> tuple[Process, _Read, Callable[[], Awaitable[None]]]:
        process = await anyio.open_process(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
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

    async def _start(
        command: str, cwd: Path, env: Mapping[str, str]
    ) -> tuple[Process, _Read, Callable[[], Awaitable[None]]]:
        # A pipe of our own: the event loop's would delay the news of the exit until the last background
        # process closed it, and could not be closed by us before that.
        output, input_ = os.pipe()
        try:
            os.set_blocking(output, False)
            process = await anyio.open_process(
                [_shell(), "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=input_,
                stderr=input_,
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
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

    def _shell() -> str:
        return "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
