"""An MCP server as a child process: started, spoken to, listened to, and certainly ended.

The child sees a minimal environment plus what its configuration names, never the agent's own, which holds
API keys. It leads a process group of its own, so that whatever it started ends with it.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import anyio
from anyio.abc import ByteReceiveStream, ObjectReceiveStream, ObjectSendStream, Process

from acp_agent.base.errors import ToolError
from acp_agent.model.mcp import StdioServer
from acp_agent.tools.mcp.text import one_line, without_secrets

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

    ChildStreams: TypeAlias = tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
    ]

logger = logging.getLogger(__name__)

CLOSE_GRACE = 1.0
"""Seconds a server gets to end by itself after its standard input closed."""

KILL_GRACE = 0.5
"""Seconds between asking its process group to end and killing it, and again for the kill to be seen."""

LAST_WORDS_TIME = 3.0
"""Seconds that a server which listens no more may speak on: mostly it has ended, its answers on their way."""

MAX_LINE_BYTES = 32 * 1024 * 1024
"""Length of the longest message accepted."""

_MAX_STDERR_LINES = 3
_MAX_STDERR_LINE = 300
_MAX_KEPT_BYTES = 64 * 1024


class ChildReport:
    """What is known about a child besides its messages; filled while it runs, complete when it ended.

    Texts are kept without secrets: they are hidden before a line is cut, which could leave half of one.
    """

    def __init__(self, server: StdioServer) -> None:
        self._server = server
        self.exit_code: int | None = None
        self.output_ended = False
        self.noise = ""
        self._stderr: deque[str] = deque(maxlen=_MAX_STDERR_LINES)

    def add_stderr(self, line: bytes) -> None:
        """Keep a line the child wrote to stderr, if it says anything."""
        text = self._fit(line, _MAX_STDERR_LINE)
        if text:
            self._stderr.append(text)

    def add_noise(self, line: bytes) -> None:
        """Keep the first line on stdout that was no message."""
        if not self.noise:
            self.noise = self._fit(line, 80)

    def _fit(self, line: bytes, limit: int) -> str:
        text = line[:_MAX_KEPT_BYTES].decode(errors="replace")
        return one_line(without_secrets(text, self._server), limit)

    def summary(self) -> str:
        """What explains a failure best, as the end of a sentence; empty when nothing is known."""
        parts: list[str] = []
        if self.exit_code is not None:
            parts.append(f"exit code {self.exit_code}")
        if self._stderr:
            parts.append(f"stderr: {' | '.join(self._stderr)}")
        if self.noise:
            parts.append(f"stdout is not JSON-RPC: {self.noise}")
        return "".join(f"; {part}" for part in parts)


@asynccontextmanager
async def child_streams(server: StdioServer, cwd: Path, report: ChildReport) -> AsyncGenerator[ChildStreams]:
    """Run the server and exchange messages with it; it has ended when the context is left.

    Raises:
        ToolError: the command cannot be started.
    """
    from mcp.shared.message import SessionMessage  # lazy: loaded by the caller in a thread

    process = await _spawn(server, cwd)
    incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    all_heard, stderr_ended = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_receive, process, incoming, report, all_heard)
        tasks.start_soon(_send, process, outgoing, incoming, all_heard)
        tasks.start_soon(_listen, process, report, stderr_ended)
        try:
            yield read, write
        finally:
            with anyio.CancelScope(shield=True):
                ended_first = report.output_ended
                read.close()
                write.close()
                if await _stop(process) and ended_first:
                    report.exit_code = process.returncode
                with anyio.move_on_after(KILL_GRACE):
                    await stderr_ended.wait()
                # Something that left the process group may still hold these open; nobody shall wait for it.
                for stream in (process.stdout, process.stderr):
                    if stream is not None:
                        await stream.aclose()
            tasks.cancel_scope.cancel()


async def _spawn(server: StdioServer, cwd: Path) -> Process:
    from mcp.client.stdio import get_default_environment  # lazy: loaded by the caller in a thread

    env = get_default_environment() | dict(server.env)
    command = server.command
    if os.path.dirname(command):
        command = str(cwd / command)
    # Looking it up here finds `npx.cmd` and the like on Windows, and tells a missing command from a
    # missing directory.
    found = shutil.which(command) if os.path.dirname(command) else _in_path(command, env.get("PATH", ""))
    if found is None:
        raise ToolError(f"command `{server.command}` not found or not executable")
    windows = os.name == "nt"
    try:
        return await anyio.open_process(
            [found, *server.args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=env,
            start_new_session=not windows,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if windows else 0,
        )
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "invalid characters"
        raise ToolError(f"cannot start `{server.command}`: {reason}") from exc


def _in_path(command: str, path: str) -> str | None:
    """The program in a folder that `path` names absolutely: what lies in our own may be a project's.

    Windows looks there first, whatever `path` says; where something lies there, nothing is found.
    """
    for folder in filter(os.path.isabs, path.split(os.pathsep)):
        found = shutil.which(command, path=folder)
        if found is not None and os.path.isabs(found):
            return found
    return None


async def _receive(
    process: Process,
    incoming: ObjectSendStream[SessionMessage | Exception],
    report: ChildReport,
    all_heard: anyio.Event,
) -> None:
    """Hand on messages until the child closes its output, which closes `incoming`."""
    assert process.stdout is not None
    try:
        async with incoming:
            await _hand_on(process.stdout, incoming, report)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return  # the session is over
    finally:
        all_heard.set()
        # A child that cannot write cannot end in peace, and its pipe cannot be closed with data in it.
        with anyio.CancelScope(shield=True):
            await _drain(process.stdout)


async def _hand_on(
    stdout: ByteReceiveStream, incoming: ObjectSendStream[SessionMessage | Exception], report: ChildReport
) -> None:
    from mcp.shared.message import SessionMessage  # lazy: loaded by the caller in a thread
    from mcp.types import jsonrpc_message_adapter

    buffer = bytearray()
    async for chunk in stdout:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            buffer += line
            text = bytes(buffer)
            buffer.clear()
            try:
                message = jsonrpc_message_adapter.validate_json(text, by_name=False)
            except ValueError:
                # Many servers greet on stdout. What matters is whether messages come as well.
                report.add_noise(text)
                continue
            await incoming.send(SessionMessage(message))
        buffer += rest
        if len(buffer) > MAX_LINE_BYTES:
            report.add_noise(b"a line longer than %d bytes" % MAX_LINE_BYTES)
            return
    report.output_ended = True


async def _drain(stream: ByteReceiveStream) -> None:
    try:
        async for _ in stream:
            pass
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


async def _send(
    process: Process,
    outgoing: ObjectReceiveStream[SessionMessage],
    incoming: ObjectSendStream[SessionMessage | Exception],
    all_heard: anyio.Event,
) -> None:
    assert process.stdin is not None
    try:
        async with outgoing:
            async for item in outgoing:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await process.stdin.send(text.encode() + b"\n")
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        with anyio.move_on_after(LAST_WORDS_TIME):
            await all_heard.wait()
        await incoming.aclose()  # so that nobody waits for answers that cannot come


async def _listen(process: Process, report: ChildReport, ended: anyio.Event) -> None:
    """Keep the last lines of stderr, to the very end: the last ones say most."""
    assert process.stderr is not None
    line = b""
    with anyio.CancelScope(shield=True):
        try:
            async for chunk in process.stderr:
                *lines, rest = (line + chunk).split(b"\n")
                for complete in lines:
                    report.add_stderr(complete)
                line = rest[:_MAX_KEPT_BYTES]
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            logger.debug("stderr of an MCP server was still open when it ended")
        report.add_stderr(line)
        ended.set()


async def _stop(process: Process) -> bool:
    """End the child and its group within two seconds; whether it ended without a signal from us."""
    assert process.stdin is not None
    try:
        await process.stdin.aclose()
    except (OSError, anyio.BrokenResourceError):
        logger.debug("stdin of an MCP server was closed already")
    ended_itself = await _ended_within(process, CLOSE_GRACE)
    if not ended_itself:
        _signal_group(process, "SIGTERM")
        await _ended_within(process, KILL_GRACE)
    # Even after the child ended, something it started may still run.
    if os.name == "nt":
        await _kill_windows_tree(process)
    else:
        _signal_group(process, "SIGKILL")
    if not await _ended_within(process, KILL_GRACE):
        logger.warning("process %d of an MCP server survives its killing and is left behind", process.pid)
    return ended_itself


async def _ended_within(process: Process, seconds: float) -> bool:
    with anyio.move_on_after(seconds):
        await process.wait()
    return process.returncode is not None


def _signal_group(process: Process, name: str) -> None:
    if os.name == "nt":
        return  # Windows has no signal that asks; `_kill_windows_tree` follows
    try:
        os.killpg(process.pid, signal.Signals[name])
    except (ProcessLookupError, PermissionError):
        return  # nothing of the group is left (macOS says so by refusing)


async def _kill_windows_tree(process: Process) -> None:
    with anyio.move_on_after(KILL_GRACE):
        await anyio.run_process(["taskkill", "/F", "/T", "/PID", str(process.pid)], check=False)
