"""Agents that do not keep to the protocol: a clear error or no harm, and never a wait without end."""

from __future__ import annotations

import sys
from typing import Any

import anyio
import pytest

from acp_agent.client.active_session import Stopped, Update
from acp_agent.client.client import Client
from acp_agent.client.errors import AgentLost, BadAgent
from acp_agent.client.messages import CreateElicitation
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Call
from acp_agent.rpc.transport import Transport
from tests.client.conftest import Connect, FakeAgent, echo
from tests.patience import PATIENCE

HELLO = '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'


def agent_that(*lines: str) -> list[str]:
    """The command of an agent that says `HELLO` to the first line and then does this."""
    code = [
        "import sys, time",
        "def say(text): print(text, flush=True)",
        "input()",
        f"say({HELLO!r})",
        *lines,
    ]
    return [sys.executable, "-c", "\n".join(code)]


async def test_an_agent_that_says_nothing_is_given_up() -> None:
    silent = [
        sys.executable,
        "-c",
        "import sys, time; print('busy', file=sys.stderr, flush=True); input(); input()",
    ]
    with pytest.raises(AgentLost, match=r"did not answer `initialize` within 0\.3 s"), anyio.fail_after(10):
        async with Client(hello_time=0.3).start(silent):
            pass


async def test_chatter_on_standard_output_is_skipped() -> None:
    chatty = agent_that("say('Loading model...')", "say('')", "say('* ready')", "input()")
    with anyio.fail_after(10):
        async with Client().start(chatty) as agent:
            assert agent.agent == {"protocolVersion": 1}


async def test_broken_json_is_answered_and_survived() -> None:
    broken = agent_that("""say('{"jsonrpc": "2.0", "method":')""", "sys.stderr.write(input())", "sys.exit(7)")
    with anyio.fail_after(10):
        async with Client().start(broken) as agent:
            with pytest.raises(AgentLost) as lost:
                await agent.request("_anything", {})
    assert "(exit code 7)" in str(lost.value)
    assert sys.executable in lost.value.agent


async def test_the_error_of_an_agent_that_died_tells_everything() -> None:
    dying = agent_that("line = input()", "print('out of luck', file=sys.stderr)", "sys.exit(3)")
    with anyio.fail_after(10):
        async with Client().start(dying) as agent:
            with pytest.raises(AgentLost) as lost:
                await agent.build_session("/p").start_session()
    told = str(lost.value)
    assert "was gone before it answered `session/new` (exit code 3)" in told
    assert "out of luck" in told
    assert '> {"jsonrpc":"2.0","id":2,"method":"session/new"' in told


async def test_a_line_beyond_the_limit_ends_the_conversation() -> None:
    near, far = memory_transport_pair(frame_limit=10_000)

    async def serve() -> None:
        await far.receive()
        await far.send(HELLO.encode() + b"\n")
        await far.receive()
        await far.send(b'{"jsonrpc":"2.0","id":2,"result":"' + b"x" * 20_000)
        await far.aclose()

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            async with Client().connect(near) as agent:
                with pytest.raises(AgentLost, match="more than 10000 bytes"):
                    await agent.request("_big", {})


async def test_whoever_reads_a_session_is_told_that_the_agent_is_gone(connect: Connect) -> None:
    async with connect() as (agent, fake), agent.build_session("/p") as session:
        fake.update("s1", "farewell")
        await anyio.wait_all_tasks_blocked()
        await fake.peer._transport.aclose()  # type: ignore[attr-defined]  # as a process that dies
        assert isinstance(await session.read_update(), Update)
        for _ in range(2):
            with pytest.raises(AgentLost, match="is gone"):
                await session.read_update()
        with pytest.raises(AgentLost, match="farewell"):
            session.send_prompt("too late")


async def test_an_answer_that_comes_twice_is_taken_once(connect: Connect) -> None:
    async def twice(agent: FakeAgent, call: Call) -> Any:
        call.answer({"stopReason": "end_turn"})
        agent.peer.enqueue(b'{"jsonrpc":"2.0","id":3,"result":{"stopReason":"refusal"}}\n')
        agent.peer.enqueue(b'{"jsonrpc":"2.0","id":"nobody asked","result":{}}\n')
        return None

    async with (
        connect(session__prompt=twice) as (agent, _),
        agent.build_session("/p") as session,
    ):
        session.send_prompt("one")
        first = await session.read_update()
        assert isinstance(first, Stopped)
        assert first.stop_reason == "end_turn"
        session.send_prompt("two")
        assert isinstance(await session.read_update(), Stopped)


async def test_updates_of_no_known_kind_or_shape_do_no_harm(connect: Connect) -> None:
    strange: list[Any] = [
        {},
        {"sessionUpdate": 5},
        {"sessionUpdate": "_vendor/news", "x": [1]},
        {"sessionUpdate": "tool_call"},
        {"sessionUpdate": "agent_message_chunk", "content": "text"},
        {"sessionUpdate": "plan", "entries": "none"},
    ]

    async def confused(agent: FakeAgent, call: Call) -> Any:
        for update in strange:
            agent.peer.notify("session/update", {"sessionId": "s1", "update": update})
        for params in ({"sessionId": "s1", "update": []}, {"sessionId": 1}, [], None):
            agent.peer.notify("session/update", params)
        agent.peer.notify("_vendor/unknown", {})
        agent.update("s1", "well")
        return {"stopReason": "end_turn"}

    async with (
        connect(session__prompt=confused) as (agent, _),
        agent.build_session("/p") as session,
    ):
        updates = [update.data async for update in session.stream("go")]
    assert updates[:-1] == strange
    assert session.conversation.text == "well"


async def test_a_flood_is_read_in_order(connect: Connect) -> None:
    async def flood(agent: FakeAgent, call: Call) -> Any:
        for number in range(5_000):
            agent.update("s1", f"{number} ")
        return {"stopReason": "end_turn"}

    async with (
        connect(session__prompt=flood) as (agent, _),
        agent.build_session("/p") as session,
    ):
        assert await session.prompt("go") == "".join(f"{number} " for number in range(5_000))


async def test_what_is_left_of_a_session_that_was_left_is_not_read_by_its_next_reader(
    connect: Connect,
) -> None:
    async def load(agent: FakeAgent, call: Call) -> Any:
        agent.update("s1", "history")
        return {}

    async with connect(session__load=load, session__prompt=echo) as (agent, fake):
        async with agent.build_session("/p"):
            pass
        fake.update("s1", "for nobody")
        await agent.request("session/load", {})  # behind it
        async with agent.load_session("s1", "/p") as session:
            assert await session.prompt("new") == "historynew "


async def test_a_list_that_goes_in_circles_is_the_agents_fault(connect: Connect) -> None:
    async def page(agent: FakeAgent, call: Call) -> Any:
        assert isinstance(call.params, dict)
        return {"sessions": [{"sessionId": "a"}, 5], "nextCursor": "again"}

    async with connect(session__list=page) as (agent, _):
        pages = agent.all_sessions()
        assert [await anext(pages), await anext(pages)] == [{"sessionId": "a"}] * 2
        with pytest.raises(BadAgent, match="nextCursor"):
            await anext(pages)


async def test_a_prompt_answered_without_a_stop_reason_is_the_agents_fault(connect: Connect) -> None:
    async def nothing(agent: FakeAgent, call: Call) -> Any:
        return {}

    async with (
        connect(session__prompt=nothing) as (agent, _),
        agent.build_session("/p") as session,
    ):
        with pytest.raises(BadAgent, match="the agent answered `session/prompt` without") as bad:
            await session.prompt("go")
        assert bad.value.frames[-1] == '< {"jsonrpc":"2.0","id":3,"result":{}}'


async def test_work_that_fails_ends_the_connection() -> None:
    async def serve(transport: Transport) -> None:
        await transport.receive()
        await transport.send(HELLO.encode() + b"\n")
        await anyio.sleep_forever()

    async def fail() -> None:
        raise ZeroDivisionError("work")

    async def use() -> None:
        async with Client().connect_in_memory(serve) as agent:
            agent.spawn(fail)
            await anyio.sleep_forever()

    with pytest.raises(ZeroDivisionError, match="work"), anyio.fail_after(PATIENCE):
        await use()


async def test_an_elicitation_is_answered_by_its_handler_and_advertised(connect: Connect) -> None:
    client = Client()

    @client.on_request(CreateElicitation, concurrent=True)
    async def fill_in(form: CreateElicitation, *_: object) -> Any:
        assert form.mode == "form"
        return {"action": "accept", "content": {"name": form.message.upper()}}

    assert client.capabilities == {"elicitation": {"form": {}, "url": {}}}
    async with connect(client) as (_, agent):
        form: Any = {
            "mode": "form",
            "message": "who",
            "sessionId": "s",
            "requestedSchema": {"type": "object"},
        }
        answer = await agent.peer.request("elicitation/create", form)
        assert answer == {"action": "accept", "content": {"name": "WHO"}}


async def test_a_handler_that_breaks_is_told_to_the_agent_and_nobody_else_suffers(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client()

    @client.on_request("_break")
    async def breaks(*_: object) -> Any:
        raise ZeroDivisionError("oops")

    @client.on_notification("_note")
    async def breaks_too(*_: object) -> Any:
        raise ZeroDivisionError("oops")

    async with connect(client, session__prompt=echo) as (agent, fake), agent.build_session("/p") as session:
        with pytest.raises(RpcError, match="the client failed: oops"):
            await fake.peer.request("_break", {})
        fake.peer.notify("_note", {})
        assert await session.prompt("still here") == "still here "
    assert "a handler of the notification `_note` failed" in caplog.text


async def test_a_stream_left_early_cancels_its_turn(connect: Connect) -> None:
    async def endless(agent: FakeAgent, call: Call) -> Any:
        agent.update("s1", "on and on")
        while not agent.seen:
            await anyio.lowlevel.checkpoint()
        return {"stopReason": "cancelled"}

    async with (
        connect(session__prompt=endless) as (agent, fake),
        agent.build_session("/p") as session,
    ):
        stream = session.stream("go")
        assert (await anext(stream)).text == "on and on"
        await stream.aclose()
        assert fake.seen == [("session/cancel", {"sessionId": "s1"})]
        assert session.conversation.stop_reason == "cancelled"
