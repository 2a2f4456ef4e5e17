"""A stage for conversations between the installed command and real clients.

`Stage` starts a model service, agents and clients, and ends them. What no single test has to say again it
checks at the end for all of them: every frame both sides wrote is valid, every request the model got holds a
history its service accepts, no secret was written, every request was answered, every agent exited with 0.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import anyio
from anyio.abc import Process, TaskGroup, TaskStatus
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.providers.script import Script
from acp_agent.testing.frames import FrameValidator
from acp_agent.testing.model_server import Handler, ModelServer, serve_model
from tests.interop.history import history_problems

Frame: TypeAlias = dict[str, Any]
Service: TypeAlias = Literal["openai", "anthropic"]
ResultT = TypeVar("ResultT")

PATIENCE = 30.0
"""Seconds a test waits for one thing: the other side is a process, the machine may be busy."""

EXIT_PATIENCE = 15.0
"""The same for an agent that was told to end: it promises two seconds, on a machine that is not busy."""

SECRET = "sk-interop-secret-1234567890"
COMMAND = shutil.which("acp-agent", path=str(Path(sys.executable).parent)) or "acp-agent"
MAX_LINE = 64 * 1024 * 1024


class Line(NamedTuple):
    """One frame as it crossed the wire."""

    sender: Literal["agent", "client"]
    frame: Frame


class Garbage(NamedTuple):
    """An answer sent as it is."""

    value: Any


class AgentProcess:
    """The agent as a child process; `log` holds all frames in the order they were sent or came.

    A test that ends the agent in its own way sets `expected_exit`; None accepts any.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.log: list[Line] = []
        self.validator = FrameValidator(unstable=True)
        self.expected_exit: int | None = 0
        self.may_leave_unanswered = False
        self.polite_client = True  # False while a test writes what no client should
        self.ended = anyio.Event()
        self._news = anyio.Event()
        self._deliver, self.inbox = anyio.create_memory_object_stream[Frame](math.inf)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Read until the agent closes its output."""
        assert self.process.stdout is not None
        stream = BufferedByteReceiveStream(self.process.stdout)
        task_status.started()
        with self._deliver:
            try:
                while True:
                    self._take(await stream.receive_until(b"\n", MAX_LINE))
            except (
                anyio.IncompleteRead,
                anyio.EndOfStream,
                anyio.BrokenResourceError,
                anyio.ClosedResourceError,
            ):
                assert not stream.buffer, f"half a line at the end: {stream.buffer[:200]!r}"
            finally:
                self.ended.set()
                self._news.set()

    async def write(self, *frames: Frame | bytes) -> None:
        """Send frames in one write; bytes go as they are and are not judged."""
        data = b""
        for frame in frames:
            if isinstance(frame, bytes):
                data += frame
                continue
            line = json.dumps(frame, separators=(",", ":")).encode() + b"\n"
            found = self.validator.feed("client", line)
            if not self.polite_client and found:
                del self.validator.problems[-len(found) :]
            self.log.append(Line("client", frame))
            data += line
        self._news.set()
        assert self.process.stdin is not None
        await self.process.stdin.send(data)

    async def close_input(self) -> None:
        """Close the agent's input, which asks it to exit."""
        assert self.process.stdin is not None
        await self.process.stdin.aclose()

    async def wait_exit(self) -> int:
        """The exit code, once the agent has ended."""
        with anyio.fail_after(EXIT_PATIENCE):
            code = await self.process.wait()
            await self.ended.wait()
        return code

    async def seen(self, matches: Callable[[Frame], bool], *, after: int = 0) -> Frame:
        """The first frame of the agent, from log position `after`, that matches; waits for it."""
        position = after
        with anyio.fail_after(PATIENCE):
            while True:
                while position < len(self.log):
                    sender, frame = self.log[position]
                    position += 1
                    if sender == "agent" and matches(frame):
                        return frame
                assert not self.ended.is_set(), "the agent ended before it said that"
                await self._next()

    async def seen_from_client(self, method: str, *, times: int) -> None:
        """Return once the client has sent this many calls of `method`."""
        with anyio.fail_after(PATIENCE):
            while (
                sum(line.sender == "client" and line.frame.get("method") == method for line in self.log)
                < times
            ):
                await self._next()

    async def _next(self) -> None:
        """Return once something was sent; several may wait."""
        if self._news.is_set():
            self._news = anyio.Event()
        await self._news.wait()

    def calls(self, prefix: str) -> list[Frame]:
        """The agent's calls of methods that begin so, in order."""
        return [
            line.frame
            for line in self.log
            if line.sender == "agent" and line.frame.get("method", "").startswith(prefix)
        ]

    def frames(self, method: str) -> list[Frame]:
        """Params of the agent's calls of `method`, in order."""
        return [frame["params"] for frame in self.calls(method) if frame["method"] == method]

    def updates(self, session_id: str, kind: str = "") -> list[Frame]:
        """The updates of a session so far, of one kind; or all but the commands, whose moment varies."""
        return [
            params["update"]
            for params in self.frames("session/update")
            if params["sessionId"] == session_id
            and (params["update"]["sessionUpdate"] == kind or (not kind and not _is_offer(params["update"])))
        ]

    def _take(self, line: bytes) -> None:
        assert SECRET.encode() not in line, "the key was written to the wire"
        self.validator.feed("agent", line)
        frame = json.loads(line)
        self.log.append(Line("agent", frame))
        self._deliver.send_nowait(frame)
        self._news.set()


def _is_offer(update: Frame) -> bool:
    return update["sessionUpdate"] == "available_commands_update"


class SdkTransport:
    """An agent's process as a transport of the official SDK."""

    def __init__(self, agent: AgentProcess) -> None:
        self._agent = agent

    async def send(self, message: Frame) -> None:
        await self._agent.write(message)

    async def receive(self) -> Frame | None:
        try:
            return await self._agent.inbox.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            return None

    async def close(self) -> None:
        self._agent.inbox.close()


class RawClient:
    """A client that says exactly what a test wants said; the ids of its requests begin with `prefix`."""

    def __init__(self, agent: AgentProcess, prefix: str = "raw") -> None:
        self.agent = agent
        self._prefix = prefix
        self._last_id = 0

    async def request(self, method: str, params: Any = None, *, request_id: Any = None) -> Any:
        """Send a request without waiting; its id."""
        self._last_id += 1
        chosen = f"{self._prefix}-{self._last_id}" if request_id is None else request_id
        frame: Frame = {"jsonrpc": "2.0", "id": chosen, "method": method}
        await self.agent.write(frame if params is None else {**frame, "params": params})
        return chosen

    async def ask(self, method: str, params: Any = None) -> Frame:
        """Send a request; its whole response."""
        start = len(self.agent.log)
        return await self.response(await self.request(method, params), after=start)

    async def response(self, request_id: Any, *, after: int = 0) -> Frame:
        """The response to this id."""
        return await self.agent.seen(
            lambda frame: "method" not in frame and frame.get("id") == request_id, after=after
        )

    async def notify(self, method: str, params: Any) -> None:
        await self.agent.write({"jsonrpc": "2.0", "method": method, "params": params})

    async def initialize(self, **capabilities: Any) -> Frame:
        """The result of `initialize`."""
        params = {
            "protocolVersion": 1,
            "clientCapabilities": capabilities,
            "clientInfo": {"name": "raw", "version": "1"},
        }
        return (await self.ask("initialize", params))["result"]

    async def open(self, cwd: Path) -> str:
        """A new session's id."""
        return (await self.ask("session/new", {"cwd": str(cwd), "mcpServers": []}))["result"]["sessionId"]

    async def prompt(self, session_id: str, text: str) -> Any:
        """Send a prompt without waiting; the request's id."""
        return await self.request("session/prompt", prompt_params(session_id, text))

    async def probe(self, cwd: Path) -> None:
        """Fail unless the agent still opens a session and answers in it."""
        session_id = await self.open(cwd)
        assert "result" in await self.ask("session/prompt", prompt_params(session_id, "still there?"))


def prompt_params(session_id: str, text: str) -> Frame:
    return {"sessionId": session_id, "prompt": [{"type": "text", "text": text}]}


class Stage:
    """What a test plays on. `cwd` is the project, `home` the agent's private place."""

    def __init__(self, tmp_path: Path, tasks: TaskGroup) -> None:
        self.cwd = (tmp_path / "project").resolve()
        self.cwd.mkdir()
        self.home = tmp_path / "home"
        self.env: dict[str, str] = {}
        self.tasks = tasks
        self.agents: list[AgentProcess] = []
        self.models: list[ModelServer] = []
        self._over = anyio.Event()

    async def model(self, script: Script | str | Handler, service: Service = "openai") -> ModelServer:
        """A model service that the agents started from now on ask."""
        model = await self._hold(serve_model(script))
        self.models.append(model)
        url = model.openai_url if service == "openai" else model.anthropic_url
        name = service.upper()
        self.env |= {
            f"{name}_BASE_URL": url,
            f"{name}_API_KEY": SECRET,
            "ACP_AGENT_MODEL": f"{service}/test-model",
        }
        return model

    async def agent(
        self, *command: str, env: Mapping[str, str] | None = None, **options: Any
    ) -> AgentProcess:
        """The agent, or `command` in its place, with nothing but `PATH` and our settings around it."""
        given = (
            {"PATH": os.environ["PATH"], "ACP_AGENT_HOME": str(self.home), **self.env}
            if env is None
            else dict(env)
        )
        process = await anyio.open_process(
            list(command) or [COMMAND], env=given, stderr=subprocess.DEVNULL, cwd=self.cwd, **options
        )
        agent = AgentProcess(process)
        self.agents.append(agent)
        await self.tasks.start(agent.run)
        return agent

    async def raw(self, **capabilities: Any) -> RawClient:
        """A raw client, initialized, and its agent."""
        client = RawClient(await self.agent())
        await client.initialize(**capabilities)
        return client

    async def gone(self, model: ModelServer) -> None:
        """Return once an agent left one of this service's answers early."""
        with anyio.fail_after(PATIENCE):
            await model.abandoned.wait()

    async def end(self, agent: AgentProcess) -> None:
        """Close this agent's input and judge how it ends."""
        await agent.close_input()
        code = await agent.wait_exit()
        agent.inbox.close()
        assert agent.validator.problems == []
        assert agent.expected_exit in (None, code)
        if not agent.may_leave_unanswered:
            assert agent.validator.unanswered("client") == []

    async def strike(self) -> None:
        """End everything and judge what is left to judge."""
        try:
            for agent in self.agents:
                await self.end(agent)
        finally:
            for agent in self.agents:
                agent.inbox.close()
                if agent.process.returncode is None:
                    agent.process.kill()
            self._over.set()
        for model in self.models:
            for number, request in enumerate(model.requests):
                assert (number, history_problems(request)) == (number, [])

    async def _hold(self, context: AbstractAsyncContextManager[ResultT]) -> ResultT:
        """Enter `context` until the stage is struck, in a task of its own."""

        async def hold(*, task_status: TaskStatus[ResultT]) -> None:
            async with context as resource:
                task_status.started(resource)
                await self._over.wait()

        return await self.tasks.start(hold)


@asynccontextmanager
async def open_stage(tmp_path: Path) -> AsyncGenerator[Stage]:
    async with anyio.create_task_group() as tasks:
        stage = Stage(tmp_path, tasks)
        try:
            yield stage
        finally:
            await stage.strike()
            tasks.cancel_scope.cancel()


class Lifeline:
    """A FIFO that processes hold open: readable while the last of them lives, at its end when all are gone.

    `hold` in front of a shell command makes the command and all its children holders.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.hold = f"exec 9>'{path}'; echo up >&9; "

    async def wait_held(self) -> None:
        """Return once a holder is there."""
        with anyio.fail_after(PATIENCE):
            await anyio.wait_readable(self._fd)
        assert os.read(self._fd, 3) == b"up\n"

    async def wait_gone(self) -> None:
        """Return once no holder is left."""
        with anyio.fail_after(PATIENCE):
            await anyio.wait_readable(self._fd)
        assert os.read(self._fd, 1) == b""

    def close(self) -> None:
        os.close(self._fd)
