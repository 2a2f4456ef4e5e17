"""The agent under test as a child process: bytes in, bytes out, everything recorded.

Nothing here judges. Lines that are no JSON are recorded like all others, with what is wrong about them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, Process, TaskStatus

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.reach import at, has, text_at
from acp_agent.conformance.responses import result_of
from acp_agent.conformance.verdicts import Broken, Skipped

Sender: TypeAlias = Literal["agent", "client"]
RequestId: TypeAlias = "int | str"

EXIT_TIME = 10.0
"""Seconds an agent, or a command of it, has to end: no text says how many, and some clean up for seven."""

_STDERR_BYTES = 64 * 1024
_LAST_WORDS_TIME = 1.0
_MOST_LINES = 100_000
_MOST_BYTES = 64 * 1024 * 1024
"""What an agent may write: one that never stops must not fill the memory."""


class Line(msgspec.Struct, frozen=True):
    """One line as it crossed the wire.

    `frame` is None if it is no JSON object; `problem` says why. `at` is in seconds since the agent's start.
    """

    sender: Sender
    raw: bytes
    frame: JsonObject | None
    problem: str
    at: float


def read_line(sender: Sender, raw: bytes, at: float = 0.0) -> Line:
    """The line with what it says, if it says anything."""
    try:
        value = jsontext.load(raw)
    except jsontext.InvalidJson as exc:
        return Line(sender, raw, None, str(exc), at)
    if isinstance(value, dict):
        return Line(sender, raw, value, "", at)
    return Line(sender, raw, None, f"not an object but {type(value).__name__}", at)


class AgentProcess:
    """A running agent; `log` holds all lines in the order they were sent or came.

    `on_call` is told each request of the agent, from the task that reads; it must not wait.
    """

    def __init__(self, process: Process, patience: float) -> None:
        self.process = process
        self.patience = patience
        self.log: list[Line] = []
        self.stderr = b""
        self.output_ended = anyio.Event()
        self.on_call: Callable[[JsonObject], object] | None = None
        self._n_bytes = 0
        self._started_at = time.monotonic()
        self._news = anyio.Event()
        self._all_read = anyio.Event()
        self._may_read = anyio.Event()
        self._may_read.set()
        self._last_id = 0

    async def watch(self, *, task_status: TaskStatus[None]) -> None:
        """Read its output until it ends."""
        assert self.process.stdout is not None  # opened with pipes
        assert self.process.stderr is not None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch_stdout, self.process.stdout)
                tasks.start_soon(self._watch_stderr, self.process.stderr)
                task_status.started()
        finally:
            self._all_read.set()

    async def write(self, data: bytes) -> None:
        """Send bytes as they are; the log shows them as lines.

        Raises:
            Broken: the agent does not read any more.
        """
        for raw in data.removesuffix(b"\n").split(b"\n"):
            self._record("client", raw)
        await self._send(data)

    async def write_split(self, data: bytes, *cuts: int) -> None:
        """Send one line in pieces that end at these positions, with pauses between them."""
        self._record("client", data.removesuffix(b"\n"))
        for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
            await self._send(data[start:end])
            await anyio.sleep(0.02)

    async def send(self, frame: JsonObject) -> None:
        """Send one message."""
        await self.write(jsontext.dump(frame) + b"\n")

    async def request(
        self, method: str, params: JsonValue = None, *, id: RequestId | None = None
    ) -> RequestId:
        """Send a request without waiting; its id."""
        self._last_id += 1
        chosen = self._last_id if id is None else id
        frame: JsonObject = {"jsonrpc": "2.0", "id": chosen, "method": method}
        await self.send(frame if params is None else {**frame, "params": params})
        return chosen

    async def notify(self, method: str, params: JsonValue = None) -> None:
        """Send a notification."""
        frame: JsonObject = {"jsonrpc": "2.0", "method": method}
        await self.send(frame if params is None else {**frame, "params": params})

    async def answer(self, id: RequestId, *, patience: float | None = None) -> JsonObject:
        """The response to this request, result or error; waits for it."""
        return await self.seen(
            lambda frame: (
                "method" not in frame and frame.get("id") == id and type(frame.get("id")) is type(id)
            ),
            f"answer to {self._request_named(id)}",
            patience=patience,
        )

    async def ask(
        self, method: str, params: JsonValue = None, *, patience: float | None = None
    ) -> JsonObject:
        """Send a request and wait; the whole response, result or error."""
        return await self.answer(await self.request(method, params), patience=patience)

    async def result(self, method: str, params: JsonValue = None) -> JsonValue:
        """Send a request and wait for its result.

        Raises:
            Broken: it was answered with an error, or not at all.
            Skipped: the agent wants a login first.
        """
        response = await self.ask(method, params)
        return result_of(method, response)

    async def seen(
        self,
        matches: Callable[[JsonObject], bool],
        what: str,
        *,
        after: int = 0,
        patience: float | None = None,
    ) -> JsonObject:
        """The first message of the agent, from log position `after`, that matches; waits for it.

        Raises:
            Broken: it did not come in time, or the agent ended before.
        """
        position = after
        seconds = self.patience if patience is None else patience
        with anyio.move_on_after(seconds):
            while True:
                while position < len(self.log):
                    line = self.log[position]
                    position += 1
                    if line.sender == "agent" and line.frame is not None and matches(line.frame):
                        return line.frame
                if self.output_ended.is_set():
                    raise Broken(f"{await self._end_told()}: no {what}")
                await self._news.wait()
        raise Broken(f"no {what} within {seconds:g} s{self._noise_told()}")

    def stop_reading(self) -> None:
        """Leave what the agent writes in the pipe, as a busy client does."""
        self._may_read = anyio.Event()

    def read_on(self) -> None:
        """Read again."""
        self._may_read.set()

    async def close_input(self) -> None:
        """Close its stdin, which asks it to exit."""
        assert self.process.stdin is not None  # opened with pipes
        await self.process.stdin.aclose()

    async def wait_exit(self, patience: float) -> int | None:
        """Its exit code, or None if it still runs after `patience` seconds."""
        with anyio.move_on_after(patience):
            return await self.process.wait()
        return None

    async def end(self, *, grace: float = EXIT_TIME) -> None:
        """Make sure it and everything in its process group is gone; it may take `grace` seconds to exit."""
        with anyio.CancelScope(shield=True):
            self.read_on()
            await self.close_input()
            await self.wait_exit(min(grace, self.patience))
            kill_group(self.process)
            with anyio.move_on_after(EXIT_TIME):
                await self.process.wait()
            with anyio.move_on_after(_LAST_WORDS_TIME):  # its end may be seen before its last words are
                await self._all_read.wait()
            await self.process.aclose()

    def frames(self, sender: Sender = "agent", *, since: int = 0) -> list[JsonObject]:
        """Every message of one side so far, from log position `since`."""
        return [line.frame for line in self.log[since:] if line.sender == sender and line.frame is not None]

    def asked_at(self, id: RequestId) -> int:
        """Where our request with this id stands in the log."""
        return next(
            number
            for number, line in enumerate(self.log)
            if line.sender == "client" and has(line.frame, "method") and at(line.frame, "id") == id
        )

    def is_answered(self, id: RequestId) -> bool:
        """Whether the response to this request is there."""
        return any("method" not in frame and frame.get("id") == id for frame in self.frames())

    def calls(self, method: str) -> list[JsonObject]:
        """Requests and notifications of the agent with methods that begin so."""
        return [frame for frame in self.frames() if text_at(frame, "method").startswith(method)]

    def position_of(self, wanted: JsonObject) -> int:
        """Where this very message stands in the log."""
        return next(number for number, line in enumerate(self.log) if line.frame is wanted)

    async def _send(self, data: bytes) -> None:
        assert self.process.stdin is not None  # opened with pipes
        try:
            with anyio.fail_after(self.patience):
                await self.process.stdin.send(data)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as exc:
            why = await self._end_told() if self.output_ended.is_set() else "the agent does not read any more"
            raise Broken(why) from exc
        except TimeoutError as exc:
            raise Broken(f"the agent did not read its input for {self.patience:g} s") from exc

    def _request_named(self, id: RequestId) -> str:
        """Our request with this id, as a person would call it; checks also write lines of their own."""
        methods = (
            text_at(line.frame, "method")
            for line in reversed(self.log)
            if line.sender == "client" and has(line.frame, "method") and at(line.frame, "id") == id
        )
        method = next(methods, "")
        return f"request {jsontext.dump_text(id)}" + (f", `{method}`" if method else "")

    def _noise_told(self) -> str:
        """What the agent wrote, where none of it is a message."""
        written = [line for line in self.log if line.sender == "agent"]
        if not written or any(line.frame is not None for line in written):
            return ""
        return f"; what it wrote is no message: {written[0].raw[:80]!r}"

    def _floods(self) -> bool:
        return len(self.log) > _MOST_LINES or self._n_bytes > _MOST_BYTES

    async def _end_told(self) -> str:
        """How the agent ended, which may be seen before its exit code is."""
        if self._floods():
            return f"the agent was ended after {len(self.log)} lines, {self._n_bytes >> 20} MiB"
        with anyio.move_on_after(_LAST_WORDS_TIME):
            await self.process.wait()
        code = self.process.returncode
        return "the agent ended its output" if code is None else f"the agent ended with exit code {code}"

    async def _watch_stdout(self, stream: ByteReceiveStream) -> None:
        pending = b""
        try:
            async for data in stream:
                await self._may_read.wait()
                self._n_bytes += len(data)
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self._take(line)
                if self._floods():
                    kill_group(self.process)
                    pending = b""
                    break
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # it was ended by us
        finally:
            if pending:
                self._take(pending)
            self.output_ended.set()
            self._tell()

    async def _watch_stderr(self, stream: ByteReceiveStream) -> None:
        try:
            async for data in stream:
                self.stderr = (self.stderr + data)[-_STDERR_BYTES:]
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # it was ended by us

    def _take(self, raw: bytes) -> None:
        line = self._record("agent", raw)
        if self.on_call and line.frame is not None and "method" in line.frame and "id" in line.frame:
            self.on_call(line.frame)

    def _record(self, sender: Sender, raw: bytes) -> Line:
        line = read_line(sender, raw, time.monotonic() - self._started_at)
        self.log.append(line)
        self._tell()
        return line

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()


async def open_agent_process(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], patience: float
) -> AgentProcess:
    """Start the command in a process group of its own.

    Raises:
        Skipped: it cannot be run.
    """
    try:
        process = await anyio.open_process(
            list(command), cwd=cwd, env=env, start_new_session=os.name == "posix"
        )
    except OSError as exc:
        raise Skipped(f"`{command[0]}` cannot be run: {exc.strerror or exc}") from exc
    return AgentProcess(process, patience)


def kill_group(process: Process) -> None:
    """Kill a process we started and, where groups exist, all that is left of its group."""
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # nothing is left
    elif process.returncode is None:
        process.kill()
