"""Lives of an agent that are ended, one after the other on one session, and what their client sees."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import anyio
import anyio.to_thread

from acp_agent.testing.frames import FrameValidator
from tests.durability.drawing import Frame, user_said

PATIENCE = 40.0
"""Seconds to wait for one frame: many agents work at once, on a machine that may be busy."""

QUIET = 0.2
"""Seconds without enough frames after which a life ends all the same: it may be waiting for nothing."""


class Nursery:
    """The process that agents are children of."""

    def __init__(self, control: socket.socket, env: Mapping[str, str], arguments: list[str]) -> None:
        self._control = control
        self._lines = control.makefile("rb")
        self._order = anyio.Lock()
        self._env = dict(env)
        self._arguments = arguments

    async def ready(self) -> None:
        """Return once it has loaded everything."""
        assert await anyio.to_thread.run_sync(self._lines.readline) == b"ready\n"

    async def birth(self, env: Mapping[str, str], log: Path) -> Life:
        """A new agent, with this besides the usual environment."""
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        with log.open("ab") as log_file:
            order = json.dumps({"env": {**self._env, **env}, "arguments": self._arguments})
            async with self._order:
                socket.send_fds(self._control, [order.encode()], [theirs_in, theirs_out, log_file.fileno()])
                pid = int(await anyio.to_thread.run_sync(self._lines.readline))
        os.close(theirs_in)
        os.close(theirs_out)
        return Life(self, pid, ours_in, ours_out)

    async def end(self, pid: int, with_signal: int) -> None:
        """Send a signal, 0 for none, and wait until the process is gone."""
        async with self._order:
            self._control.sendall(json.dumps({"end": pid, "signal": with_signal}).encode())
            assert await anyio.to_thread.run_sync(self._lines.readline) == b"gone\n"

    def close(self) -> None:
        """End it."""
        self._lines.close()
        self._control.close()


@asynccontextmanager
async def open_nursery(env: Mapping[str, str], *arguments: str) -> AsyncGenerator[Nursery]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        process = subprocess.Popen(  # noqa: ASYNC220 # before anything else goes on
            [sys.executable, "-m", "tests.durability.nursery", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
    nursery = Nursery(ours, env, list(arguments))
    try:
        await nursery.ready()
        yield nursery
    finally:
        nursery.close()
        await anyio.to_thread.run_sync(process.wait)


Ending: TypeAlias = int | Literal["end of input"]
"""A signal, or that the client closes its end."""


class Moment(NamedTuple):
    """When and how a life ends: after so many frames and so many further seconds."""

    n_frames: int
    delay: float
    ending: Ending = signal.SIGKILL


class Life:
    """One agent process and what its client saw. Every frame that left the agent counts as seen."""

    def __init__(self, nursery: Nursery, pid: int, write_fd: int, read_fd: int) -> None:
        self._nursery = nursery
        self._pid = pid
        self._write_fd = write_fd
        self._read_fd = read_fd
        self._buffer = b""
        self._last_id = 0
        self._answers: dict[int, Frame] = {}
        self._judge = FrameValidator(unstable=True)
        self._news = anyio.Event()
        self.seen: list[Frame] = []
        self.n_frames = 0
        self.permission: Callable[[Frame], str] = lambda _: "allow_once"
        self.is_over = False
        self._is_ending = False

    async def run(self) -> None:
        """Take frames until the process is gone."""
        while True:
            await anyio.wait_readable(self._read_fd)
            data = os.read(self._read_fd, 1 << 20)
            if not data:
                break
            *lines, self._buffer = (self._buffer + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
            self._tell()
        self.is_over = True
        self._tell()
        os.close(self._read_fd)
        self._close_input()

    async def ask(self, method: str, **params: Any) -> Frame:
        """The response to a request; an empty one if the agent was killed before it gave one."""
        self._last_id += 1
        request_id = self._last_id
        self.send({"id": request_id, "method": method, "params": params})
        with anyio.fail_after(PATIENCE):
            while request_id not in self._answers and not self.is_over:
                await self._news.wait()
        return self._answers.get(request_id, {})

    def send(self, frame: Frame) -> None:
        """Write a frame; what nobody reads any more is lost."""
        line = json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\n"
        with contextlib.suppress(OSError):  # it was closed, here or there
            os.write(self._write_fd, line)

    async def prompt(self, session_id: str, text: str) -> Frame:
        """Prompt as a user does: what was typed is drawn at once."""
        self.seen.append(user_said(text))
        return await self.ask("session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": text}])

    async def end_at(self, moment: Moment) -> None:
        """End the process at this moment of what it does from now on."""
        start = self.n_frames
        with anyio.move_on_after(QUIET):
            while self.n_frames < start + moment.n_frames and not self.is_over:
                await self._news.wait()
        await anyio.sleep(moment.delay)  # the end has to come at any time, not just right after a frame
        await self.end(moment.ending)

    async def end(self, ending: Ending = signal.SIGKILL) -> None:
        """End the process; afterwards everything it wrote is there."""
        if not self._is_ending:
            self._is_ending = True
            if ending == "end of input":
                self._close_input()
            await self._nursery.end(self._pid, 0 if ending == "end of input" else ending)
        with anyio.fail_after(PATIENCE):
            while not self.is_over:
                await self._news.wait()

    def _close_input(self) -> None:
        if self._write_fd >= 0:
            os.close(self._write_fd)
            self._write_fd = -1

    def _take(self, frame: Frame) -> None:
        self.n_frames += 1
        match frame:
            case {"method": "session/update", "params": {"update": update}}:
                self.seen.append(update)
            case {"method": "session/request_permission", "id": request_id, "params": params}:
                outcome = {"outcome": "selected", "optionId": self.permission(params)}
                self.send({"id": request_id, "result": {"outcome": outcome}})
            case {"method": "$/cancel_request"}:
                pass
            case {"id": int(request_id)} if "method" not in frame:
                self._answers[request_id] = frame
            case _:
                raise AssertionError(frame)

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()
