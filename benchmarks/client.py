"""A line client that stamps every byte it sends and receives with one clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any, NamedTuple, cast

import msgspec

TIMEOUT = 60.0
"""Seconds any single wait may take before the run is given up."""


class BenchmarkError(Exception):
    """A contender did not do what the benchmark needs."""


class Answer(NamedTuple):
    """A result and the moments its request left and it arrived, in nanoseconds."""

    result: dict[str, Any]
    sent_at: int
    arrived_at: int


class AgentClient(asyncio.SubprocessProtocol):
    """One agent process; `spawn` starts it and `spawned_at` is the moment before that."""

    def __init__(self) -> None:
        self.spawned_at = perf_counter_ns()
        self.text_size = 0  # characters of agent messages since `expect_text`
        self._text_arrived: asyncio.Future[int] | None = None
        self._pending: dict[int, asyncio.Future[tuple[dict[str, Any], int]]] = {}
        self._unread = b""
        self._errors = b""
        self._exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.SubprocessTransport  # both set by `connection_made`, before `spawn` returns
        self._stdin: asyncio.WriteTransport

    @classmethod
    async def spawn(cls, command: list[str], env: Mapping[str, str], cwd: str) -> AgentClient:
        loop = asyncio.get_running_loop()
        try:
            _, client = await loop.subprocess_exec(cls, *command, env=dict(env), cwd=cwd)
        except OSError as exc:
            raise BenchmarkError(f"cannot start `{command[0]}`: {exc}") from exc
        return client

    @property
    def pid(self) -> int:
        return self._transport.get_pid()

    async def request(self, method: str, params: dict[str, Any]) -> Answer:
        """Send a request and wait for its result."""
        number = len(self._pending) + 1
        answer: asyncio.Future[tuple[dict[str, Any], int]] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        sent_at = self._send({"id": number, "method": method, "params": params})
        frame, arrived_at = await self._within(answer, method)
        if "error" in frame:
            raise BenchmarkError(f"`{method}` failed: {frame['error']}; stderr: {self.errors}")
        return Answer(frame["result"], sent_at, arrived_at)

    def cancel(self, session_id: str) -> int:
        """Send `session/cancel`; the moment it left."""
        return self._send({"method": "session/cancel", "params": {"sessionId": session_id}})

    def expect_text(self) -> asyncio.Future[int]:
        """The arrival of the next agent message text, to be requested before the prompt is sent."""
        self.text_size = 0
        self._text_arrived = asyncio.get_running_loop().create_future()
        return self._text_arrived

    async def text_arrived(self, arrival: asyncio.Future[int]) -> int:
        return await self._within(arrival, "agent_message_chunk")

    async def close(self) -> int:
        """Close stdin and wait for the process to end; the nanoseconds that took."""
        closed_at = perf_counter_ns()
        self._stdin.close()
        ended_at = await self._within(self._exited, "exit")
        self._transport.close()
        return ended_at - closed_at

    def kill(self) -> None:
        """End the process now, if it still runs."""
        if not self._exited.done():
            self._transport.kill()
        self._transport.close()

    @property
    def errors(self) -> str:
        """The end of what the process wrote to stderr."""
        return self._errors.decode(errors="replace")

    def _send(self, message: dict[str, Any]) -> int:
        line = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n"
        sent_at = perf_counter_ns()
        self._stdin.write(line)
        return sent_at

    async def _within(self, wait: asyncio.Future[Any], what: str) -> Any:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await wait
        except TimeoutError:
            raise BenchmarkError(f"no `{what}` within {TIMEOUT:.0f} s; stderr: {self.errors}") from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.SubprocessTransport", transport
        )  # a subprocess protocol gets no other
        self._stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))  # 0 is written to

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        now = perf_counter_ns()
        if fd == 2:
            self._errors = (self._errors + data)[-2000:]
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._take(msgspec.json.decode(line), now)

    def _take(self, frame: dict[str, Any], now: int) -> None:
        if "method" not in frame:
            self._pending[frame["id"]].set_result((frame, now))
        elif frame["method"] == "session/update":
            update = frame["params"]["update"]
            if update["sessionUpdate"] == "agent_message_chunk":
                self.text_size += len(update["content"].get("text", ""))
                if self._text_arrived is not None and not self._text_arrived.done():
                    self._text_arrived.set_result(now)
        elif frame["method"] == "session/request_permission":
            options = frame["params"]["options"]
            allowed = next(option for option in options if option["kind"].startswith("allow"))
            outcome = {"outcome": "selected", "optionId": allowed["optionId"]}
            self._send({"id": frame["id"], "result": {"outcome": outcome}})
        elif "id" in frame:
            self._send({"id": frame["id"], "error": {"code": -32601, "message": "method not found"}})

    def process_exited(self) -> None:
        if not self._exited.done():
            self._exited.set_result(perf_counter_ns())
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(BenchmarkError(f"the agent exited; stderr: {self.errors}"))
