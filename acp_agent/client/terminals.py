"""Real terminals for an agent: programs started on its behalf, their output kept until it lets go."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import anyio
from anyio.abc import Process, TaskGroup

from acp_agent.base.ids import random_id
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.dispatch import RequestEntry
from acp_agent.client.files import confined
from acp_agent.client.messages import (
    CreateTerminal,
    KillTerminal,
    Message,
    ReleaseTerminal,
    TerminalOutput,
    WaitForTerminalExit,
)
from acp_agent.rpc.errors import RESOURCE_NOT_FOUND, RpcError, invalid_params

DEFAULT_LIMIT = 1024 * 1024
"""Bytes of output kept when the agent names no limit."""


DRAIN_TIME = 1.0
"""Seconds a program's output may take to arrive after it has ended."""


class LocalTerminals:
    """Serves `terminal/*`: programs run as this user, with this process's environment.

    They begin in one of these directories, the first unless the agent names another; what they do then is
    not confined.
    """

    def __init__(self, root: str | os.PathLike[str], *more: str | os.PathLike[str]) -> None:
        self._roots = tuple(Path(place).resolve() for place in (root, *more))

    def open(self, tasks: TaskGroup) -> list[RequestEntry]:
        """The handlers, for one connection; its terminals end with `tasks`."""
        return _Terminals(self._roots, tasks).entries()


class _Terminal:
    """One program; it ends with `kill`, or with the task that runs it."""

    def __init__(self, process: Process, limit: int) -> None:
        self._process = process
        self._limit = limit
        self._output = b""
        self.truncated = False
        self.ended = anyio.Event()

    @property
    def text(self) -> str:
        """The output that is kept; a character cut in half at its front is left out."""
        return self._output.decode("utf-8", "replace").lstrip("\ufffd" if self.truncated else "")

    @property
    def exit_status(self) -> JsonObject | None:
        """`TerminalExitStatus`, once it has ended and its output is complete."""
        code = self._process.returncode
        if code is None or not self.ended.is_set():
            return None
        return {"exitCode": code} if code >= 0 else {"signal": _signal_name(-code)}

    async def run(self) -> None:
        """Collect its output until it has ended; what it left in the background is not waited for."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._collect)
                await self._process.wait()
                tasks.cancel_scope.deadline = anyio.current_time() + DRAIN_TIME
        finally:
            self.kill()
            with anyio.CancelScope(shield=True):
                await self._process.aclose()
            self.ended.set()

    async def _collect(self) -> None:
        assert self._process.stdout is not None  # opened with a pipe
        async for data in self._process.stdout:
            self._output += data
            if len(self._output) > self._limit:
                self._output = self._output[len(self._output) - self._limit :]
                self.truncated = True

    def kill(self) -> None:
        """End it and its children."""
        if self.ended.is_set():
            return
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing of it is left
                os.killpg(self._process.pid, signal.SIGKILL)
        elif self._process.returncode is None:
            self._process.kill()


class _Terminals:
    """The terminals of one connection."""

    def __init__(self, roots: tuple[Path, ...], tasks: TaskGroup) -> None:
        self._roots = roots
        self._tasks = tasks
        self._open: dict[str, _Terminal] = {}

    def entries(self) -> list[RequestEntry]:
        return [
            RequestEntry(CreateTerminal, self._create, concurrent=True),
            RequestEntry(TerminalOutput, self._output, concurrent=True),
            RequestEntry(WaitForTerminalExit, self._wait, concurrent=True),
            RequestEntry(KillTerminal, self._kill, concurrent=True),
            RequestEntry(ReleaseTerminal, self._release, concurrent=True),
        ]

    async def _create(self, request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, CreateTerminal)  # the entry's kind of message
        cwd = self._directory(request.cwd) if request.cwd else self._roots[0]
        try:
            process = await anyio.open_process(
                [request.command, *(request.args or [])],
                cwd=cwd,
                env={**os.environ, **{pair.name: pair.value for pair in request.env or []}},
                stdin=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
        except (OSError, ValueError) as exc:  # a null byte, a variable that cannot be one
            raise invalid_params("command", f"`{request.command}` cannot be started: {exc}") from None
        terminal_id = random_id("term")
        limit = DEFAULT_LIMIT if request.output_byte_limit is None else request.output_byte_limit
        terminal = self._open[terminal_id] = _Terminal(process, limit)
        self._tasks.start_soon(terminal.run)
        return {"terminalId": terminal_id}

    async def _output(self, request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, TerminalOutput)  # the entry's kind of message
        terminal = self._find(request.terminal_id)
        result: JsonObject = {"output": terminal.text, "truncated": terminal.truncated}
        if terminal.exit_status is not None:
            result["exitStatus"] = terminal.exit_status
        return result

    async def _wait(self, request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, WaitForTerminalExit)  # the entry's kind of message
        terminal = self._find(request.terminal_id)
        await terminal.ended.wait()
        return terminal.exit_status

    async def _kill(self, request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, KillTerminal)  # the entry's kind of message
        self._find(request.terminal_id).kill()
        return {}

    async def _release(self, request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, ReleaseTerminal)  # the entry's kind of message
        self._find(request.terminal_id).kill()
        del self._open[request.terminal_id]
        return {}

    def _directory(self, path: str) -> Path:
        directory = confined(path, "cwd", self._roots)
        if not directory.is_dir():
            raise invalid_params("cwd", f"`{path}` is not a directory")
        return directory

    def _find(self, terminal_id: str) -> _Terminal:
        terminal = self._open.get(terminal_id)
        if terminal is None:
            raise RpcError(RESOURCE_NOT_FOUND, "Resource not found", {"terminalId": terminal_id})
        return terminal


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the real-time signals have no name
        return str(number)
