"""Our own agent in this process, driven as a program drives it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from mcp.server import MCPServer

from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.files import LocalFiles
from acp_agent.client.mcp_server import InProcessServer
from acp_agent.client.permission import allow_once
from acp_agent.client.terminals import LocalTerminals
from acp_agent.rpc.errors import RpcError
from acp_agent.sdk.agent import open_agent
from acp_agent.sdk.settings.config import load_config
from acp_agent.server.connection import Connection as ServerConnection

if TYPE_CHECKING:
    from acp_agent.rpc.transport import Transport

SCRIPT = """\
say: You said {prompt}
when: ask the clock
call: mcp__clock__now {"zone": "Rome"}
---
say: It is {result}
when: write
call: write {"path": "new.txt", "content": "text"}
---
say: Written.
"""


@asynccontextmanager
async def own_agent(tmp_path: Path, client: Client | None = None) -> AsyncGenerator[Connection]:
    script = tmp_path / "model.script"
    script.write_text(SCRIPT, encoding="utf-8")
    env = {
        "PATH": os.environ["PATH"],
        "ACP_AGENT_HOME": str(tmp_path / "home"),
        "ACP_AGENT_SCRIPT": str(script),
        "ACP_AGENT_STORE": "memory:",
    }
    with anyio.fail_after(30):  # everything of the agent is loaded
        async with open_agent(load_config(cwd=None, env=env, cli={}), env=env, options={}) as agent:

            async def serve(transport: Transport) -> None:
                await ServerConnection(transport, agent).serve()

            async with (client or Client()).connect_in_memory(serve) as connection:
                yield connection


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def clock() -> InProcessServer:
    server = MCPServer("clock")

    @server.tool()
    def now(zone: str) -> str:
        """The time."""
        return f"noon in {zone}"

    return InProcessServer(server)


async def test_a_function_of_this_process_is_a_tool_of_the_agent(tmp_path: Path, project: Path) -> None:
    async with own_agent(tmp_path, Client(permissions=allow_once)) as agent:
        builder = agent.build_session(project).with_mcp_server(clock())
        async with builder as session:
            assert "noon in Rome" in await session.prompt("ask the clock")
            assert session.conversation.tool_calls[0].status == "completed"


async def test_a_server_of_the_client_is_attached_to_every_session(tmp_path: Path, project: Path) -> None:
    client = Client(permissions=allow_once, mcp_servers=[clock()])
    async with own_agent(tmp_path, client) as agent:
        for _ in range(2):
            async with agent.build_session(project) as session:
                assert "noon in Rome" in await session.prompt("ask the clock")


async def test_a_session_is_loaded_with_and_resumed_without_its_history(
    tmp_path: Path, project: Path
) -> None:
    async with own_agent(tmp_path) as agent:
        async with agent.build_session(project) as session:
            await session.prompt("remember me")
        await agent.request("session/close", {"sessionId": session.id})
        async with agent.load_session(session.id, project) as loaded:
            assert loaded.id == session.id
            assert [message.role for message in loaded.conversation.messages] == ["user", "agent"]
            assert loaded.conversation.text == "You said remember me"
            assert await loaded.prompt("more") == "You said remember meYou said more"
        await agent.request("session/close", {"sessionId": session.id})
        async with agent.resume_session(session.id, project) as resumed:
            assert resumed.conversation.messages == []
            assert await resumed.prompt("again") == "You said again"


async def test_a_fork_begins_with_the_history_of_its_source(tmp_path: Path, project: Path) -> None:
    async with own_agent(tmp_path) as agent, agent.build_session(project) as session:
        await session.prompt("remember me")
        async with agent.fork_session(session.id, project) as fork:
            assert fork.id != session.id
            assert await fork.prompt("only here") == "You said only here"
        async with agent.load_session(fork.id, project) as loaded:
            assert "You said remember me" in loaded.conversation.text
            assert "You said only here" in loaded.conversation.text
        assert await session.prompt("only there") == "You said only there"
        assert "only here" not in session.conversation.text


async def test_stored_sessions_are_listed(tmp_path: Path, project: Path) -> None:
    async with own_agent(tmp_path) as agent:
        ids: set[str] = set()
        for number in range(3):
            async with agent.build_session(project) as session:
                await session.prompt(f"number {number}")
                ids.add(session.id)
        found = [entry async for entry in agent.all_sessions(cwd=project)]
        assert {entry["sessionId"] for entry in found} == ids
        assert [entry async for entry in agent.all_sessions(cwd=tmp_path / "other")] == []


async def test_modes_options_and_commands_are_known_as_they_are_now(tmp_path: Path, project: Path) -> None:
    async with own_agent(tmp_path) as agent, agent.build_session(project) as session:
        assert session.mode == "ask"
        await session.set_mode("plan")
        assert session.mode == "plan"
        mode = next(o for o in session.config_options if isinstance(o, dict) and o.get("id") == "mode")
        assert mode["currentValue"] in ("ask", "plan")
        changed = await session.set_option("mode", "accept-edits")
        assert any(isinstance(o, dict) and o.get("currentValue") == "accept-edits" for o in changed)
        with pytest.raises(RpcError):
            await session.set_mode("nonsense")
        assert session.mode != "nonsense"
        await session.prompt("hello")
        assert "help" in {command["name"] for command in session.conversation.commands}


async def test_our_files_and_terminals_serve_our_agent(tmp_path: Path, project: Path) -> None:
    client = Client(permissions=allow_once, files=LocalFiles(project), terminals=LocalTerminals(project))
    async with own_agent(tmp_path, client) as agent, agent.build_session(project) as session:
        assert await session.prompt("write") == "Written."
    assert (project / "new.txt").read_text(encoding="utf-8") == "text"
