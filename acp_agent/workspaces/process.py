"""One shell command from start to end. Nothing it started outlives the call."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from acp_agent.ports import ProcessResult, RunSink
from acp_agent.workspaces.output import OutputTail, Throttle
from acp_agent.workspaces.processtree import Member, descendants, signal_tree
from acp_agent.workspaces.starting import Command, Read, Running, started

GRACE = 1.0
"""Seconds between asking processes to stop and killing them."""

DRAIN = 0.5
"""Seconds to wait, after the shell ended, for background processes to let go of the output."""


async def run_command(
    command: Command,
    *,
    timeout: float,
    output_limit: int,
    sink: RunSink,
    clock: Callable[[], float] = anyio.current_time,
) -> ProcessResult:
    """Run `command` in a shell and report its output while it grows.

    The command cannot read our input. When it ends, is cancelled or exceeds `timeout` seconds, every process
    of its group is stopped: politely first, by force after `GRACE` seconds. `clock` paces the reports.

    Raises:
        WorkspaceError: the shell could not be started, or not be confined.
    """
    tail = OutputTail(output_limit)
    throttle = Throttle(lambda: sink.output(tail.text), clock)
    limit = anyio.CancelScope()
    async with started(command) as (process, read), anyio.create_task_group() as task_group:
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
    read: Read, tail: OutputTail, throttle: Throttle, scope: anyio.CancelScope, all_read: anyio.Event
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


async def _end(process: Running, all_read: anyio.Event) -> None:
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
