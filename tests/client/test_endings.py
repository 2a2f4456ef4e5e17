"""What becomes of whoever waits when a turn, a session, a connection or an agent is left or ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.active_session import ActiveSession, PromptHandle
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.dispatch import Responder
from acp_agent.client.errors import AgentLost, AgentNotStarted, DispatchDeadlock
from acp_agent.client.messages import RequestPermission
from acp_agent.rpc.peer import Call
from tests.client.conftest import Connect, FakeAgent, echo

HELLO = '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'


async def until_cancelled(agent: FakeAgent, call: Call) -> Any:
    """Speak, and then only stop when told to; a prompt of one word is echoed."""
    assert isinstance(call.params, dict)
    if "hold" not in str(call.params["prompt"]):
        return await echo(agent, call)
    agent.seen.clear()
    agent.update("s1", "on and on")
    while not agent.seen:
        await anyio.lowlevel.checkpoint()
    agent.update("s1", "last words")
    return {"stopReason": "cancelled"}


async def test_a_turn_that_is_broken_off_is_cancelled_and_not_read_by_the_next(connect: Connect) -> None:
    async with (
        connect(session__prompt=until_cancelled) as (agent, fake),
        agent.build_session("/p") as session,
    ):
        async for update in session.stream("hold"):
            assert update.text == "on and on"
            break
        assert await session.prompt("next") == "next "
        assert fake.seen == [("session/cancel", {"sessionId": "s1"})]


async def test_a_prompt_that_is_given_up_cancels_its_turn(connect: Connect) -> None:
    async with (
        connect(session__prompt=until_cancelled) as (agent, fake),
        agent.build_session("/p") as session,
    ):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.prompt, "hold")
            while not session.conversation.text:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        session.send_prompt("next")
        assert await session.read_to_string() == "next "
        assert fake.seen == [("session/cancel", {"sessionId": "s1"})]


async def test_whoever_waits_for_an_answer_is_told_that_the_connection_was_closed(connect: Connect) -> None:
    async def never(agent: FakeAgent, call: Call) -> Any:
        await anyio.sleep_forever()

    told: list[str] = []

    async def wait_for(handle: PromptHandle) -> None:
        with pytest.raises(ConnectionLost, match="was closed"):
            await handle
        told.append("prompt")

    async def ask(agent: Connection) -> None:
        with pytest.raises(ConnectionLost, match="was closed"):
            await agent.request("_never", {})
        told.append("request")

    async with (
        anyio.create_task_group() as tasks,
        connect(_never=never, session__prompt=never) as (agent, _),
    ):
        session = await agent.build_session("/p").start_session()
        tasks.start_soon(wait_for, session.send_prompt("go"))
        tasks.start_soon(ask, agent)
        await anyio.wait_all_tasks_blocked()
    assert sorted(told) == ["prompt", "request"]


async def test_a_closed_connection_takes_no_requests(connect: Connect) -> None:
    async with connect() as (agent, _):
        pass
    with pytest.raises(ConnectionLost, match="was closed"):
        await agent.build_session("/p").start_session()
    with pytest.raises(ConnectionLost, match="was closed"):
        agent.send_request("_anything", {})
    with pytest.raises(ConnectionLost, match="was closed"):
        agent.spawn(anyio.sleep_forever)


async def test_cancelling_a_session_answers_what_it_asks_permission_for(connect: Connect) -> None:
    asked, ended = anyio.Event(), anyio.Event()

    async def ponder(request: RequestPermission) -> str | None:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async def ask(agent: FakeAgent, call: Call) -> Any:
        params: JsonObject = {"sessionId": "s1", "toolCall": {"toolCallId": "c"}, "options": []}
        answer = await agent.peer.request(RequestPermission.METHOD, params)
        assert answer == {"outcome": {"outcome": "cancelled"}}
        assert agent.seen == [("session/cancel", {"sessionId": "s1"})]
        return {"stopReason": "cancelled"}

    async with (
        connect(Client(permissions=ponder), session__prompt=ask) as (agent, _),
        agent.build_session("/p") as session,
    ):
        turn = session.send_prompt("go")
        await asked.wait()
        session.cancel()
        assert await turn == "cancelled"
        await ended.wait()


async def test_a_session_that_is_left_does_not_take_the_updates_of_its_double(connect: Connect) -> None:
    async with connect(session__prompt=echo) as (agent, _):
        first = await agent.build_session("/p").start_session()
        second = await agent.build_session("/p").start_session()
        await first.aclose()
        assert await second.prompt("still here") == "still here "


async def test_a_builder_starts_as_many_sessions_as_are_asked_of_it(connect: Connect) -> None:
    sessions = iter(("s1", "s2", "s3"))

    async def new(agent: FakeAgent, call: Call) -> Any:
        return {"sessionId": next(sessions)}

    async def use() -> None:
        async with builder as session:
            assert session.id == "s3"

    async with connect(session__new=new) as (agent, _):
        builder = agent.build_session("/p")
        async with builder as first, builder as second:
            assert (first.id, second.id) == ("s1", "s2")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(use)


async def test_a_folder_is_named_by_its_whole_path(connect: Connect) -> None:
    asked: list[JsonValue] = []

    async def new(agent: FakeAgent, call: Call) -> Any:
        assert isinstance(call.params, dict)
        asked.append(call.params["cwd"])
        return {"sessionId": "s1"}

    async with connect(session__new=new) as (agent, _), agent.build_session("."):
        assert asked == [str(Path.cwd())]


async def test_what_a_handler_could_not_wait_for_is_not_even_sent(connect: Connect) -> None:
    client, holder, asked = Client(), list[ActiveSession](), list[str]()

    async def note(agent: FakeAgent, call: Call) -> Any:
        asked.append(call.method)
        return {}

    @client.on_request("_ask")
    async def ask(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        with pytest.raises(DispatchDeadlock):
            await connection.request("_note", {})
        with pytest.raises(DispatchDeadlock):
            await holder[0].prompt("go")
        with pytest.raises(DispatchDeadlock):
            await holder[0].set_mode("code")
        return {}

    async with (
        connect(client, _note=note, session__prompt=note, session__set_mode=note) as (agent, fake),
        agent.build_session("/p") as session,
    ):
        holder.append(session)
        await fake.peer.request("_ask", {})
        await agent.request("_note", {})
    assert asked == ["_note"]


async def test_a_command_that_is_no_command_is_refused_in_words(tmp_path: Path) -> None:
    async def start(command: Any, cwd: Path | None = None) -> None:
        async with Client().start(command, cwd=cwd):
            pass

    for command in ("python agent.py", []):
        with pytest.raises(AgentNotStarted, match="a list of words"):
            await start(command)
    with pytest.raises(AgentNotStarted, match=r"No such file or directory: `.*missing`"):
        await start([sys.executable], tmp_path / "missing")


async def test_endless_lines_on_stderr_are_shortened_in_the_error() -> None:
    code = (
        f"input(); print({HELLO!r}, flush=True); import sys; sys.stderr.write(('x' * 99999 + chr(10)) * 50)"
    )
    with anyio.fail_after(10):
        async with Client().start([sys.executable, "-c", code]) as agent:
            with pytest.raises(AgentLost) as lost:
                await agent.request("_anything", {})
    assert [len(line) for line in lost.value.stderr] == [1000] * 20


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="how the test waits for somebody else's process")
async def test_what_an_agent_leaves_behind_ends_with_the_connection() -> None:
    leaving = """\
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
input()
print('{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"_meta":{"pid":%d}}}' % child.pid, flush=True)
sys.stdin.read()
"""
    with anyio.fail_after(15):  # three processes
        async with Client().start([sys.executable, "-c", leaving]) as agent:
            meta = agent.agent["_meta"]
            assert isinstance(meta, dict)
            left = os.pidfd_open(int(str(meta["pid"])))
        try:
            await anyio.wait_readable(left)  # it has ended
        finally:
            os.close(left)
