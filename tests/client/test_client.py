"""Agents as processes: how they start, answer, refuse, die."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from acp_agent.base.jsontext import JsonObject
from acp_agent.client.active_session import ActiveSession, Update
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.errors import AgentLost, AgentNotStarted, BadAgent
from acp_agent.client.process import start_agent
from acp_agent.rpc.errors import RpcError

# An agent in a few lines: what it does with a prompt depends on the prompt's text.
AGENT = """
import json, sys
def send(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    method, params, id = message.get("method"), message.get("params"), message.get("id")
    if method == "initialize":
        send(id=id, result={"protocolVersion": 1, "agentInfo": {"name": "tiny", "version": "1"}})
    elif method == "session/new":
        send(id=id, result={"sessionId": "s1"} if params["cwd"] != "/nowhere" else {})
    elif method == "session/prompt":
        text = params["prompt"][0]["text"]
        if text == "die":
            print("last words", file=sys.stderr, flush=True)
            sys.exit(3)
        elif text == "refuse":
            send(id=id, error={"code": -32603, "message": "no model"})
        elif text == "ask":
            call = {"toolCallId": "c"}
            params = {"sessionId": "s1", "toolCall": call, "options": []}
            send(id="q", method="session/request_permission", params=params)
            asked = id
        elif text == "ask for what nobody serves":
            send(id="q", method="fs/read_text_file", params={"path": "/x"})
            asked = id
        elif text == "hold":
            held = id
        else:
            for number in range(100):
                send(method="session/update", params={"sessionId": "s1", "update": {"n": number}})
            send(id=id, result={"stopReason": "end_turn"})
    elif method == "session/cancel":
        send(id=held, result={"stopReason": "cancelled"})
    elif id == "q":
        send(method="session/update", params={"sessionId": "s1", "update": {"answer": message}})
        send(id=asked, result={"stopReason": "end_turn"})
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    agent = tmp_path / "agent.py"
    agent.write_text(AGENT, encoding="utf-8")
    return [sys.executable, str(agent)]


@asynccontextmanager
async def connected(command: list[str]) -> AsyncGenerator[Connection, None]:
    with anyio.fail_after(20):
        async with start_agent(command) as transport, Client().connect(transport) as agent:
            yield agent


@asynccontextmanager
async def session(command: list[str]) -> AsyncGenerator[ActiveSession, None]:
    async with connected(command) as agent, agent.build_session("/project") as opened:
        yield opened


async def everything(session: ActiveSession, prompt: str) -> list[JsonObject]:
    """All updates of one turn."""
    session.send_prompt(prompt)
    return [update.data async for update in session.updates()]


async def test_every_update_of_a_turn_is_read_in_order_before_its_stop_reason(command: list[str]) -> None:
    async with session(command) as opened:
        assert opened.connection.agent["agentInfo"] == {"name": "tiny", "version": "1"}
        prompt = opened.send_prompt("hello")
        for number in range(100):
            assert await opened.read_update() == Update({"n": number})
        assert getattr(await opened.read_update(), "stop_reason", None) == "end_turn"
        assert await prompt == "end_turn"


async def test_a_permission_nobody_decides_is_cancelled(command: list[str]) -> None:
    async with session(command) as opened:
        (update,) = await everything(opened, "ask")
    answer = update["answer"]
    assert isinstance(answer, dict)
    assert answer["result"] == {"outcome": {"outcome": "cancelled"}}


async def test_what_nobody_serves_is_refused(command: list[str]) -> None:
    async with session(command) as opened:
        (update,) = await everything(opened, "ask for what nobody serves")
    answer = update["answer"]
    assert isinstance(answer, dict)
    error = answer["error"]
    assert isinstance(error, dict)
    assert error["code"] == -32601


async def test_cancel_ends_the_prompt(command: list[str]) -> None:
    async with session(command) as opened:
        prompt = opened.send_prompt("hold")
        prompt.cancel()
        assert await prompt == "cancelled"


async def test_a_refusal_reaches_whoever_reads_the_session(command: list[str]) -> None:
    async with session(command) as opened:
        opened.send_prompt("refuse")
        with pytest.raises(RpcError, match="no model"):
            await opened.read_to_string()
        opened.send_prompt("hello")
        assert len([update async for update in opened.updates()]) == 100


async def test_an_answer_without_a_session_id_is_the_agents_fault(command: list[str]) -> None:
    async with connected(command) as agent:
        with pytest.raises(BadAgent, match="sessionId"):
            await agent.build_session("/nowhere").start_session()


async def test_an_agent_that_dies_leaves_its_last_words_in_the_error(command: list[str]) -> None:
    async with session(command) as opened:
        opened.send_prompt("die")
        with pytest.raises(AgentLost, match="session/prompt") as lost:
            await opened.read_to_string()
    assert "agent.py" in lost.value.agent
    assert lost.value.frames[-1].startswith("> ")
    assert '"die"' in lost.value.frames[-1]


async def test_an_agent_that_never_speaks_the_protocol_is_shown_with_what_it_said() -> None:
    chatter = "import sys; print('Welcome!'); print('no key', file=sys.stderr); sys.exit(1)"
    with pytest.raises(AgentLost, match="initialize") as lost:
        async with connected([sys.executable, "-c", chatter]):
            pass
    assert "< Welcome!" in lost.value.frames


async def test_what_is_said_right_before_leaving_reaches_the_agent(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    program = (
        "import sys\n"
        'answer = b\'{"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": 1}}\\n\'\n'
        f"with open({str(heard)!r}, 'wb') as file:\n"
        "    for line in sys.stdin.buffer:\n"
        "        file.write(line)\n"
        "        if b'initialize' in line: sys.stdout.buffer.write(answer); sys.stdout.flush()\n"
    )
    with anyio.fail_after(30):
        async with Client().start([sys.executable, "-c", program]) as agent:
            agent.notify("_bye", {})
    assert b"_bye" in heard.read_bytes()


async def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(AgentNotStarted, match="no-such-agent"):
        async with start_agent(["no-such-agent"]):
            pass


async def test_an_agent_that_ignores_the_end_of_its_input_is_killed(tmp_path: Path) -> None:
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text("import signal\nsignal.pause()\n", encoding="utf-8")
    with anyio.fail_after(20):
        async with start_agent([sys.executable, str(stubborn)]):
            pass
