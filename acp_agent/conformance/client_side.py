"""The client an agent under test talks to: answers its requests, the way a check wants them answered."""

from __future__ import annotations

import math
import os
import subprocess
from pathlib import Path
from typing import TypeAlias

import anyio
from anyio.abc import Process, TaskGroup

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.agent_process import AgentProcess, kill_group
from acp_agent.conformance.calling import sample
from acp_agent.conformance.reach import at, object_at, objects_at, text_at
from acp_agent.conformance.verdicts import Broken

Permission: TypeAlias = str
"""`allow`, `reject`, `cancelled`, `error`, `garbage`, `unknown-option` or `never`."""

ANSWER = "conformance-answer"
"""What the user writes into forms."""

_DRAIN_TIME = 1.0  # seconds that what a command left in the background may hold its output open


class _Refused(Exception):
    """Becomes an error response."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ClientSide:
    """A client with files, terminals and a user, for one agent.

    Its commands run in `folder` with the variables `env`, unless the agent says otherwise.

    Attributes:
        permission: how the user answers requests for permission.
        form: how the user answers questions: `accept`, `decline` or `cancel`.
        answers: what the user wrote into forms, or chose there.
        unanswered: methods whose requests are never answered.
        refused: methods whose requests are answered with an error.
        buffers: files with unsaved changes; path → content.
        writes: path and content of every `fs/write_text_file`.
        terminals: created and not released.
    """

    def __init__(
        self, agent: AgentProcess, tasks: TaskGroup, permission: Permission, folder: Path, env: dict[str, str]
    ) -> None:
        self.permission = permission
        self.form = "accept"
        self.answers: list[str] = []
        self.unanswered: set[str] = set()
        self.refused: set[str] = set()
        self.buffers: dict[str, str] = {}
        self.writes: list[tuple[str, str]] = []
        self.terminals: dict[str, _Terminal] = {}
        self.n_terminals = 0
        self._agent = agent
        self._tasks = tasks
        self._folder = folder
        self._env = env
        agent.on_call = lambda frame: tasks.start_soon(self._serve, frame)

    async def _serve(self, frame: JsonObject) -> None:
        response: JsonObject = {"jsonrpc": "2.0", "id": frame["id"]}
        try:
            response["result"] = await self._answer(text_at(frame, "method"), frame.get("params"))
        except _Refused as exc:
            response["error"] = {"code": exc.code, "message": str(exc)}
        try:
            await self._agent.send(response)
        except Broken:
            return  # it ended; whoever waits for it is told

    async def _answer(self, method: str, params: JsonValue) -> JsonValue:
        if method in self.unanswered:
            await anyio.sleep_forever()
        if method in self.refused:
            raise _Refused(-32603, f"this client refuses `{method}`")
        match method:
            case "session/request_permission":
                return await self._permit(params)
            case "elicitation/create":
                return self._fill(params)
            case "fs/read_text_file":
                return await self._read(params)
            case "fs/write_text_file":
                return await self._write(params)
            case "terminal/create":
                return await self._create(params)
            case "terminal/output":
                return self._terminal(params).output()
            case "terminal/wait_for_exit":
                return await self._terminal(params).wait()
            case "terminal/kill":
                kill_group(self._terminal(params).process)
                return {}
            case "terminal/release":
                await self.terminals.pop(self._terminal(params).id).aclose()
                return {}
            case _:
                raise _Refused(-32601, f"no method `{method}`")

    async def _permit(self, params: JsonValue) -> JsonValue:
        match self.permission:
            case "never":
                return await anyio.sleep_forever()
            case "cancelled":
                return {"outcome": {"outcome": "cancelled"}}
            case "error":
                raise _Refused(-32603, "the client cannot ask")
            case "garbage":
                return {"outcome": {"outcome": "conformance-unknown"}}
            case "unknown-option":
                return {"outcome": {"outcome": "selected", "optionId": "conformance-unknown"}}
            case kind:
                choice = chosen_option(params, kind)
                return {"outcome": {"outcome": "selected", "optionId": choice}}

    def _fill(self, params: JsonValue) -> JsonValue:
        if self.form != "accept":
            return {"action": self.form}
        content = sample(object_at(params, "requestedSchema"), ANSWER)
        self.answers += [value for value in object_at(content).values() if isinstance(value, str)]
        return {"action": "accept", "content": content}

    async def _read(self, params: JsonValue) -> JsonValue:
        path = text_at(params, "path")
        content = self.buffers.get(path)
        if content is None:
            try:
                content = await anyio.Path(path).read_text(encoding="utf-8")
            except OSError as exc:
                raise _Refused(-32002, f"no file `{path}`") from exc
        line, limit = at(params, "line"), at(params, "limit")
        first = line - 1 if isinstance(line, int) and line > 0 else 0
        lines = content.splitlines(keepends=True)[first:]
        return {"content": "".join(lines[:limit] if isinstance(limit, int) else lines)}

    async def _write(self, params: JsonValue) -> JsonValue:
        path, content = text_at(params, "path"), text_at(params, "content")
        self.writes.append((path, content))
        self.buffers.pop(path, None)
        try:
            await anyio.Path(path).write_bytes(content.encode())
        except OSError as exc:
            raise _Refused(-32603, f"cannot write `{path}`") from exc
        return {}

    async def _create(self, params: JsonValue) -> JsonValue:
        arguments = at(params, "args")
        words = [str(word) for word in arguments] if isinstance(arguments, list) else []
        env = {text_at(item, "name"): text_at(item, "value") for item in objects_at(params, "env")}
        cwd = text_at(params, "cwd") or self._folder
        command = text_at(params, "command")
        self.n_terminals += 1  # before the command runs: a check that sees it run asks whose it is
        number = self.n_terminals
        try:
            process = await anyio.open_process(
                [command, *words] if words else command,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**self._env, **env},
                start_new_session=os.name == "posix",
            )
        except OSError as exc:
            self.n_terminals -= 1
            raise _Refused(-32603, f"cannot run `{command}`") from exc
        terminal = _Terminal(f"terminal-{number}", process)
        self.terminals[terminal.id] = terminal
        self._tasks.start_soon(terminal.run)
        return {"terminalId": terminal.id}

    def _terminal(self, params: JsonValue) -> _Terminal:
        terminal = self.terminals.get(text_at(params, "terminalId"))
        if terminal is None:
            raise _Refused(-32603, "no such terminal")
        return terminal

    async def aclose(self) -> None:
        """End what still runs in terminals."""
        for terminal in self.terminals.values():
            await terminal.aclose()


class _Terminal:
    """A command the agent runs in the client."""

    def __init__(self, id: str, process: Process) -> None:
        self.id = id
        self.process = process
        self._output = b""
        self._ended = anyio.Event()  # and its output is complete

    async def run(self) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._collect)
                await self.process.wait()
                tasks.cancel_scope.deadline = anyio.current_time() + _DRAIN_TIME
        finally:
            self._ended.set()

    async def _collect(self) -> None:
        assert self.process.stdout is not None  # opened with a pipe
        try:
            async for data in self.process.stdout:
                self._output += data
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return  # released

    def output(self) -> JsonObject:
        result: JsonObject = {"output": self._output.decode(errors="replace"), "truncated": False}
        code = self.process.returncode if self._ended.is_set() else None
        return result if code is None else {**result, "exitStatus": _exit_status(code)}

    async def wait(self) -> JsonObject:
        await self._ended.wait()
        return _exit_status(await self.process.wait())

    async def aclose(self) -> None:
        kill_group(self.process)
        await self.process.aclose()


def _exit_status(code: int) -> JsonObject:
    return {"exitCode": code} if code >= 0 else {"signal": str(-code)}


def chosen_option(params: JsonValue, kind: str) -> str:
    """The option of a permission request that allows or rejects for the shortest time."""
    options = [item for item in objects_at(params, "options") if text_at(item, "kind").startswith(kind)]
    once = min(options, key=lambda item: _span(text_at(item, "kind")), default=None)
    if once is None:
        raise _Refused(-32603, f"there is no option to {kind}")
    return text_at(once, "optionId")


def _span(kind: str) -> float:
    return 0 if kind.endswith("_once") else math.inf
