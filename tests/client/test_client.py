from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.client import BadAgent, Client, connect
from acp_agent.client.process import AgentNotStarted, start_agent
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
            send(id="q", method="session/request_permission", params={"options": []})
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
async def session(command: list[str], updates: list[JsonObject]) -> AsyncGenerator[tuple[Client, str], None]:
    async def permit(params: JsonObject) -> JsonValue:
        return {"outcome": {"outcome": "cancelled"}}

    with anyio.fail_after(20):
        async with (
            start_agent(command) as transport,
            connect(
                transport,
                on_update=lambda _, update: updates.append(update),
                requests={"session/request_permission": permit},
            ) as client,
        ):
            yield client, await client.new_session("/project")


async def test_every_update_of_a_turn_is_seen_in_order_before_its_stop_reason(command: list[str]) -> None:
    updates: list[JsonObject] = []
    async with session(command, updates) as (client, session_id):
        assert client.agent["agentInfo"] == {"name": "tiny", "version": "1"}
        assert await client.prompt(session_id, "hello") == "end_turn"
        assert [update["n"] for update in updates] == list(range(100))


async def test_what_the_agent_asks_is_answered_by_its_handler(command: list[str]) -> None:
    updates: list[JsonObject] = []
    async with session(command, updates) as (client, session_id):
        await client.prompt(session_id, "ask")
    answer = updates[0]["answer"]
    assert isinstance(answer, dict)
    assert answer["result"] == {"outcome": {"outcome": "cancelled"}}


async def test_what_nobody_serves_is_refused(command: list[str]) -> None:
    updates: list[JsonObject] = []
    async with session(command, updates) as (client, session_id):
        await client.prompt(session_id, "ask for what nobody serves")
    answer = updates[0]["answer"]
    assert isinstance(answer, dict)
    error = answer["error"]
    assert isinstance(error, dict)
    assert error["code"] == -32601


async def test_cancel_ends_the_prompt(command: list[str]) -> None:
    async with session(command, []) as (client, session_id), anyio.create_task_group() as tasks:
        stops: list[str] = []

        async def prompt() -> None:
            stops.append(await client.prompt(session_id, "hold"))

        tasks.start_soon(prompt)
        await anyio.wait_all_tasks_blocked()
        client.cancel(session_id)
    assert stops == ["cancelled"]


async def test_a_refusal_is_raised_as_it_was_sent(command: list[str]) -> None:
    with pytest.raises(RpcError, match="no model"):
        async with session(command, []) as (client, session_id):
            await client.prompt(session_id, "refuse")


async def test_an_answer_without_a_session_id_is_the_agents_fault(command: list[str]) -> None:
    with pytest.raises(BadAgent, match="sessionId"):
        async with session(command, []) as (client, _):
            await client.new_session("/nowhere")


async def test_an_agent_that_dies_ends_the_prompt_and_leaves_its_last_words(command: list[str]) -> None:
    tail: list[str] = []
    with anyio.fail_after(20):
        async with start_agent(command) as transport:
            with pytest.raises(ConnectionLost):
                async with connect(transport, on_update=lambda *_: None) as client:
                    await client.prompt(await client.new_session("/project"), "die")
        tail += transport.stderr_tail
    assert tail == ["last words"]


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
