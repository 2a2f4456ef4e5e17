"""What a judged program says last is judged too, though its end may be seen first."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import anyio
import pytest

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import AgentProcess, open_agent_process
from acp_agent.conformance.client_side import ClientSide
from acp_agent.conformance.clients.requirements import CLIENT_REQUIREMENTS
from acp_agent.conformance.clients.running import run_client_requirements

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the stand-ins fork; any POSIX system runs this"),
    pytest.mark.timeout(120),
]

_FAST = [sys.executable, "-S", "-E", "-c"]
_LATE = """\
import os, sys, time
parent = os.getpid()
begun, begin = os.pipe()
if not os.fork():
    {before}
    os.write(begin, b"!")
    while os.getppid() == parent: time.sleep(0.01)
    time.sleep(0.1)
    os.write(2, b"the last words\\n")
    os._exit(0)
os.read(begun, 1)
os._exit(3)
"""
"""Speaks on stderr after its end, by a process that is left behind for a moment."""


async def test_what_a_client_says_last_is_in_its_report() -> None:
    report = await run_client_requirements([*_FAST, _LATE.format(before="pass")], CLIENT_REQUIREMENTS[:1])
    assert "the last words" in report.outcomes[0].stderr


async def test_what_an_agent_says_last_is_in_its_stderr(tmp_path: Path) -> None:
    left_alone = _LATE.format(before="os.setsid()")  # or it would be killed with its group
    with anyio.fail_after(30):
        agent = await open_agent_process([*_FAST, left_alone], cwd=tmp_path, env={}, patience=20)
        async with anyio.create_task_group() as tasks:
            await tasks.start(agent.watch)
            await agent.end()
    assert agent.stderr == b"the last words\n"


class _Asking:
    """An agent as its client sees it: requests come by `on_call`, and `send` takes the answers."""

    on_call: Callable[[JsonObject], object]  # set by the client

    def __init__(self) -> None:
        self.results: list[JsonObject] = []
        self._news = anyio.Event()

    async def send(self, frame: JsonObject) -> None:
        self.results.append(cast("JsonObject", frame["result"]))
        self._news.set()

    async def ask(self, method: str, **params: str | list[str]) -> JsonObject:
        """Ask the client."""
        self._news = anyio.Event()
        frame = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params}}
        self.on_call(cast("JsonObject", frame))
        await self._news.wait()
        return self.results[-1]


@pytest.mark.parametrize("how", ["waits", "looks"])
async def test_a_command_in_a_terminal_has_ended_once_its_output_is_complete(
    how: str, tmp_path: Path
) -> None:
    agent = _Asking()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            client = ClientSide(cast("AgentProcess", agent), tasks, "allow", tmp_path, {})
            code = _LATE.format(before="pass")
            made = await agent.ask("terminal/create", command=_FAST[0], args=[*_FAST[1:], code])
            terminal = {"terminalId": str(made["terminalId"])}
            if how == "waits":
                assert await agent.ask("terminal/wait_for_exit", **terminal) == {"exitCode": 3}
            while "exitStatus" not in (output := await agent.ask("terminal/output", **terminal)):
                pass
            await client.aclose()
    assert output == {"output": "the last words\n", "truncated": False, "exitStatus": {"exitCode": 3}}


_LEAVING = """\
import json, os, signal, subprocess, sys, time
agent = subprocess.Popen(
    sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
)

def send(frame):
    agent.stdin.write(json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\\n")
    agent.stdin.flush()

def ask(id, method, params):
    send({"id": id, "method": method, "params": params})
    for frame in map(json.loads, agent.stdout):
        if "method" not in frame and frame["id"] == id:
            return frame
        if "id" in frame:
            send({"id": frame["id"], "error": {"code": -32601, "message": "no such method"}})

ask(1, "initialize", {"protocolVersion": 1})
session = ask(2, "session/new", {"cwd": os.getcwd(), "mcpServers": []})["result"]["sessionId"]
ask(3, "session/prompt", {"sessionId": session, "prompt": [{"type": "text", "text": "hello"}]})
os.kill(agent.pid, signal.SIGSTOP)
agent.stdin.close()
begun, begin = os.pipe()
if not os.fork():
    os.setsid()
    for number in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    os.write(begin, b"!")
    time.sleep(0.2)
    os.kill(agent.pid, signal.SIGCONT)
    os._exit(0)
os.read(begun, 1)
os._exit(0)
"""
"""Lets its agent end by itself, which takes the agent a moment, and does not wait for it."""


async def test_an_agent_that_a_client_leaves_behind_notes_its_end() -> None:
    (asked,) = [item for item in CLIENT_REQUIREMENTS if item.id == "client.closes-stdin"]
    report = await run_client_requirements([*_FAST, _LEAVING], [asked])
    assert [(item.verdict, item.reason) for item in report.outcomes] == [("pass", "")]
