"""The sessions of the seed, in Python: each test is one line of the checklist, against an SDK agent."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.server import MCPServer

from acp_agent.client.active_session import ActiveSession, Stopped, Update
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.dispatch import PASS_ON, Responder
from acp_agent.client.errors import DispatchDeadlock
from acp_agent.client.files import LocalFiles
from acp_agent.client.mcp_server import InProcessServer
from acp_agent.client.messages import RequestPermission, SessionUpdate
from acp_agent.client.permission import allow_once
from acp_agent.client.process import start_agent
from acp_agent.client.proxy import Conductor, Proxy, context_proxy
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.transport import Transport

COMMAND = [sys.executable, str(Path(__file__).with_name("sdk_agent.py"))]


@asynccontextmanager
async def sdk_agent(client: Client | None = None) -> AsyncGenerator[Connection]:
    with anyio.fail_after(30):  # a process starts
        async with (client or Client()).start(COMMAND) as connection:
            yield connection


def clock(name: str = "clock") -> InProcessServer:
    server = MCPServer(name)

    @server.tool()
    def now(zone: str) -> str:
        """The time."""
        return f"noon in {zone}"

    return InProcessServer(server)


async def test_182_a_session_keeps_what_was_said() -> None:
    async with sdk_agent() as agent, agent.build_session_cwd() as session:
        assert await session.prompt("one") == "1: one "
        assert await session.prompt("two") == "2: two "


async def test_183_a_session_in_the_working_directory() -> None:
    async with sdk_agent() as agent, agent.build_session_cwd() as session:
        assert session.id == "s1"


async def test_184_a_session_in_a_named_directory(tmp_path: Path) -> None:
    async with sdk_agent() as agent, agent.build_session(tmp_path) as session:
        assert session.id == "s1"


async def test_185_a_session_from_a_request(tmp_path: Path) -> None:
    request: Any = {"cwd": str(tmp_path), "mcpServers": [], "_meta": {"from": "elsewhere"}}
    async with sdk_agent() as agent, agent.build_session_from(request) as session:
        assert await session.prompt("hi") == "1: hi "


async def test_186_188_block_task_and_run_until_give_the_session_and_return_the_result() -> None:
    async def work(session: ActiveSession) -> int:
        assert isinstance(session, ActiveSession)
        return len(await session.prompt("a b c"))

    async with sdk_agent() as agent:
        assert await agent.build_session_cwd().block_task().run_until(work) == len("1: a b c ")


async def test_189_190_send_prompt_does_not_wait_and_read_to_string_reads_one_turn() -> None:
    async with sdk_agent() as agent, agent.build_session_cwd() as session:
        handle = session.send_prompt("What is 2 + 2?")
        assert await session.read_to_string() == "1: What is 2 + 2? "
        assert await handle == "end_turn"


async def test_191_several_prompts_one_after_the_other() -> None:
    async with sdk_agent() as agent, agent.build_session_cwd() as session:
        for number, question in enumerate(("What is 2 + 2?", "And what is 3 + 3?"), 1):
            session.send_prompt(question)
            assert await session.read_to_string() == f"{number}: {question} "


async def test_192_a_server_of_this_program_gives_tools_to_the_session() -> None:
    async with sdk_agent() as agent, agent.build_session_cwd().with_mcp_server(clock()) as session:
        assert await session.prompt("tool") == "noon in Rome "


async def test_193_a_server_of_the_client_gives_tools_to_every_session() -> None:
    async with sdk_agent(Client(mcp_servers=[clock()])) as agent:
        for _ in range(2):
            async with agent.build_session_cwd() as session:
                assert await session.prompt("tool") == "noon in Rome "


async def test_194_197_a_handler_starts_a_session_without_waiting_and_nothing_is_lost() -> None:
    client, said = Client(permissions=allow_once), anyio.Event()
    words: list[str] = []

    @client.on_request(RequestPermission)
    async def start(request: RequestPermission, responder: Responder, connection: Connection) -> Any:
        async def use(session: ActiveSession) -> None:
            words.append(await session.prompt("inner"))
            said.set()

        connection.build_session_cwd().on_session_start(use)
        return PASS_ON

    async with sdk_agent(client) as agent, agent.build_session_cwd() as session:
        assert await session.prompt("permission") == "selected "
        await said.wait()
    assert words == ["1: inner "]


async def test_195_196_198_handlers_are_typed_functions_that_answer_or_pass_on(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("real file", encoding="utf-8")
    client = Client(files=LocalFiles(tmp_path), permissions=allow_once)
    kinds: list[str] = []

    @client.on_notification(SessionUpdate)
    async def seen(note: SessionUpdate, connection: Connection) -> Any:
        kinds.append(note.kind)
        return PASS_ON

    async with sdk_agent(client) as agent, agent.build_session_cwd() as session:
        assert await session.prompt(f"read {tmp_path / 'a.txt'}") == "real file "
        assert await session.prompt("permission") == "selected "
        with pytest.raises(RpcError, match="Internal error"):
            await session.prompt("fail")
        assert await session.prompt("after") == "4: after "
    assert set(kinds) == {"agent_message_chunk"}


async def test_199_waiting_inside_a_handler_is_refused_and_spawned_work_may_wait() -> None:
    client, asked, done = Client(), anyio.Event(), anyio.Event()

    @client.on_notification(SessionUpdate)
    async def wait(note: SessionUpdate, connection: Connection) -> Any:
        if not asked.is_set():
            asked.set()
            with pytest.raises(DispatchDeadlock, match="spawn"):
                await connection.build_session_cwd().start_session()

            async def later() -> None:
                async with connection.build_session_cwd() as session:
                    assert session.id == "s2"
                done.set()

            connection.spawn(later)
        return PASS_ON

    async with sdk_agent(client) as agent, agent.build_session_cwd() as session:
        assert await session.prompt("word") == "1: word "
        await done.wait()


async def test_200_proxies_stand_between_and_updates_are_read_one_by_one() -> None:
    shouting = Proxy()

    @shouting.on_notification("session/update", source="agent")
    async def shout(params: Any, onward: Any) -> None:
        params["update"]["content"]["text"] = params["update"]["content"]["text"].upper()
        onward.notify("session/update", params)

    async with start_agent(COMMAND) as agent:

        async def serve(transport: Transport) -> None:
            await Conductor([context_proxy("Be brief."), shouting]).run(transport, agent)

        with anyio.fail_after(30):
            async with Client().connect_in_memory(serve) as connection:
                session = await connection.build_session_cwd().start_session()
                session.send_prompt("hello")
                first = await session.read_update()
                assert isinstance(first, Update)
                assert first.text == "1: "
                rest = [await session.read_update() for _ in range(3)]
                assert [update.text for update in rest[:-1] if isinstance(update, Update)] == [
                    "BE ",
                    "BRIEF. ",
                ]
                assert rest[-1] == Stopped("end_turn", {"stopReason": "end_turn"})


async def test_a_loaded_session_and_a_cancelled_turn() -> None:
    async with sdk_agent() as agent:
        async with agent.build_session_cwd() as session:
            await session.prompt("remember")
            session.send_prompt("hold")
            session.cancel()
            assert await session.read_to_string() == ""
            assert session.conversation.stop_reason == "cancelled"
        async with agent.load_session(session.id, os.getcwd()) as loaded:
            assert "remember" in loaded.conversation.messages[0].text
