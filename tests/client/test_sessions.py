"""Sessions as a program uses them, and the promises about order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.client.active_session import ActiveSession, Stopped, Update
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.dispatch import PASS_ON, Responder
from acp_agent.client.errors import DispatchDeadlock, SessionChannelClosed
from acp_agent.client.messages import ReadTextFile, RequestPermission, SessionUpdate
from acp_agent.client.permission import allow_once, reject_once
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.peer import Call
from tests.client.conftest import Connect, FakeAgent, echo

if TYPE_CHECKING:
    from acp_agent.base.jsontext import JsonObject, JsonValue


async def test_prompts_of_one_session_are_answered_one_after_the_other(connect: Connect) -> None:
    async with connect(session__prompt=echo) as (agent, _), agent.build_session_cwd() as session:
        session.send_prompt("two and two")
        assert await session.read_to_string() == "two and two "
        session.send_prompt("three and three")
        assert await session.read_to_string() == "three and three "


async def test_run_until_returns_what_its_work_returns(connect: Connect) -> None:
    async def work(session: ActiveSession) -> str:
        session.send_prompt("the answer")
        return await session.read_to_string()

    async with connect(session__prompt=echo) as (agent, _):
        assert await agent.build_session("/p").block_task().run_until(work) == "the answer "


async def test_what_a_session_is_to_have_is_asked_for_with_absolute_paths(connect: Connect) -> None:
    asked: list[Any] = []

    async def new(agent: FakeAgent, call: Call) -> Any:
        asked.append(call.params)
        return {"sessionId": "s1"}

    async with connect(session__new=new) as (agent, _):
        plain = agent.build_session("here")
        larger = plain.with_directories("one", Path("two")).with_directories("three").with_meta({"mine": 1})
        for builder in (larger, plain):
            async with builder:
                pass
    here, *more = (os.path.join(os.getcwd(), name) for name in ("here", "one", "two", "three"))
    assert asked == [
        {"cwd": here, "mcpServers": [], "additionalDirectories": more, "_meta": {"mine": 1}},
        {"cwd": here, "mcpServers": []},
    ]


async def test_a_session_may_be_left_by_another_task_than_the_one_that_entered_it(connect: Connect) -> None:
    async with connect() as (agent, _):
        builder = agent.build_session("/p")
        session = await builder.__aenter__()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(builder.__aexit__, None, None, None)
        with pytest.raises(SessionChannelClosed):
            session.send_prompt("gone")


async def test_updates_sent_before_the_session_was_known_are_not_lost(connect: Connect) -> None:
    async def early(agent: FakeAgent, call: Call) -> Any:
        for word in ("one", "two", "three"):
            agent.update("s1", word)
        return {"sessionId": "s1"}

    async with connect(session__new=early) as (agent, _), agent.build_session("/p") as session:
        read = [await session.read_update() for _ in range(3)]
    assert [update.text for update in read if isinstance(update, Update)] == ["one", "two", "three"]


async def test_the_history_of_a_loaded_session_is_read_before_anything_new(connect: Connect) -> None:
    async def load(agent: FakeAgent, call: Call) -> Any:
        agent.update("old", "once ")
        return {"modes": {"currentModeId": "ask", "availableModes": []}}

    async with (
        connect(session__load=load, session__prompt=echo) as (agent, _),
        agent.load_session("old", "/p") as session,
    ):
        assert session.modes["currentModeId"] == "ask"
        session.send_prompt("more")
        assert await session.read_to_string() == "once more "
        assert session.conversation.text == "once \n\nmore "


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
async def test_whatever_the_pauses_a_stop_reason_is_read_behind_its_updates(pauses: list[int]) -> None:
    async def stuttering(agent: FakeAgent, call: Call) -> Any:
        for number, pause in enumerate(pauses):
            for _ in range(pause):
                await anyio.lowlevel.checkpoint()
            agent.update("s1", str(number))
        return {"stopReason": "end_turn"}

    async with Connect()(session__prompt=stuttering) as (agent, _), agent.build_session("/p") as session:
        session.send_prompt("go")
        read: list[str] = []
        while isinstance(message := await session.read_update(), Update):
            read.append(message.text)
        assert isinstance(message, Stopped)
        assert read == [str(number) for number in range(len(pauses))]


async def test_a_slow_handler_delays_the_stop_reason_not_the_order(connect: Connect) -> None:
    client, told = Client(), []

    @client.on_notification(SessionUpdate)
    async def slow(note: SessionUpdate, connection: Connection) -> Any:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        told.append(note.kind)
        return PASS_ON

    async with connect(client, session__prompt=echo) as (agent, _), agent.build_session("/p") as session:
        session.send_prompt("a b c")
        assert await session.read_to_string() == "a b c "
    assert told == ["agent_message_chunk"] * 3


async def test_a_handler_that_waits_for_the_agent_is_told_so_at_once(connect: Connect) -> None:
    client = Client()

    @client.on_request("_ask")
    async def waits(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        return await connection.request("_anything", {})

    async with connect(client) as (_, agent):
        with pytest.raises(RpcError, match=r"connection\.spawn"):
            await agent.peer.request("_ask", {})


async def test_a_handler_starts_a_session_without_waiting(connect: Connect) -> None:
    client, said = Client(), anyio.Event()
    words: list[str] = []

    @client.on_request("_start")
    async def start(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        async def use(session: ActiveSession) -> None:
            session.send_prompt("from a handler")
            words.append(await session.read_to_string())
            said.set()

        connection.build_session_from({"cwd": "/p", "mcpServers": []}).on_session_start(use)
        return {}

    async with connect(client, session__prompt=echo) as (_, agent):
        assert await agent.peer.request("_start", {}) == {}
        await said.wait()
    assert words == ["from a handler "]


async def test_requests_go_through_the_handlers_until_one_takes_them(connect: Connect) -> None:
    client, asked = Client(), []

    @client.on_request(ReadTextFile)
    async def first(request: ReadTextFile, responder: Responder, connection: Connection) -> Any:
        asked.append("first")
        return PASS_ON

    @client.on_request("fs/read_text_file", concurrent=True)
    async def second(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        asked.append("second")
        return {"content": str(params["path"])}

    async with connect(client) as (_, agent):
        params: JsonObject = {"sessionId": "s", "path": "/a", "line": 2}
        assert await agent.peer.request("fs/read_text_file", params) == {"content": "/a"}
        with pytest.raises(RpcError, match="path"):
            await agent.peer.request("fs/read_text_file", {"sessionId": "s"})
    assert asked == ["first", "second"]


async def test_a_handler_that_does_not_answer_answers_with_an_error(connect: Connect) -> None:
    client = Client()

    @client.on_request("_silent")
    async def silent(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        return None

    @client.on_request("_later")
    async def later(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        async def answer() -> None:
            responder.answer({"late": True})

        responder.defer()
        connection.spawn(answer)
        return None

    async with connect(client) as (_, agent):
        with pytest.raises(RpcError, match="without an answer"):
            await agent.peer.request("_silent", {})
        assert await agent.peer.request("_later", {}) == {"late": True}


@pytest.mark.parametrize(("choose", "chosen"), [(allow_once, "yes"), (reject_once, "no")])
async def test_permission_is_answered_by_policy(connect: Connect, choose: Any, chosen: str) -> None:
    options: list[JsonValue] = [
        {"optionId": "no", "name": "No", "kind": "reject_once"},
        {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    ]
    async with connect(Client(permissions=choose)) as (_, agent):
        answer = await agent.peer.request(
            RequestPermission.METHOD, {"sessionId": "s", "toolCall": {"toolCallId": "c"}, "options": options}
        )
    assert answer == {"outcome": {"outcome": "selected", "optionId": chosen}}


async def test_a_session_that_was_closed_is_not_read_for_ever(connect: Connect) -> None:
    async with connect(session__prompt=echo) as (agent, _):
        session = await agent.build_session("/p").start_session()
        await session.aclose()
        with pytest.raises(SessionChannelClosed):
            await session.read_update()
        with pytest.raises(SessionChannelClosed):
            session.send_prompt("too late")


async def test_a_withdrawn_request_is_withdrawn_from_the_agent(connect: Connect) -> None:
    began, cancelled = anyio.Event(), anyio.Event()

    async def hang(agent: FakeAgent, call: Call) -> Any:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async with connect(_hang=hang) as (agent, _):
        sent = agent.send_request("_hang", {})
        await began.wait()
        sent.cancel()
        with pytest.raises(RpcError, match="withdrawn"):
            await sent
        await cancelled.wait()


async def test_what_is_forwarded_is_answered_with_what_comes_back(connect: Connect) -> None:
    client = Client()

    @client.on_request("*")
    async def forward(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        connection.send_request("_back", params).forward_to(responder)
        return None

    async def back(agent: FakeAgent, call: Call) -> Any:
        assert isinstance(call.params, dict)
        if call.params.get("bad"):
            raise RpcError(-32099, "no")
        return {"got": call.params}

    async with connect(client, _back=back) as (_, agent):
        assert await agent.peer.request("_any", {"n": 1}) == {"got": {"n": 1}}
        with pytest.raises(RpcError, match="no"):
            await agent.peer.request("_any", {"bad": True})


async def test_reading_inside_a_handler_is_refused(connect: Connect) -> None:
    client = Client()
    holder: list[ActiveSession] = []

    @client.on_request("_read")
    async def read(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        with pytest.raises(DispatchDeadlock):
            await holder[0].read_update()
        return {}

    async with connect(client) as (agent, fake), agent.build_session("/p") as session:
        holder.append(session)
        assert await fake.peer.request("_read", {}) == {}
