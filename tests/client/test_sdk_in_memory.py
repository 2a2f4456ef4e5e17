"""An agent on the official Python SDK, in this process, over a pair of streams."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import acp
import anyio
import pytest
from anyio.abc import SocketStream

from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.errors import AgentLost
from acp_agent.client.files import LocalFiles
from acp_agent.client.permission import allow_once
from acp_agent.client.streams import StreamTransport
from acp_agent.rpc.errors import RpcError
from tests.client.sdk_agent import SdkAgent
from tests.patience import PATIENCE


@asynccontextmanager
async def sdk_agent(client: Client) -> AsyncGenerator[tuple[Connection, asyncio.StreamWriter]]:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=theirs)
    make: Any = SdkAgent  # of the SDK's protocol it has what the tests need

    async def serve() -> None:
        await acp.run_agent(make(), input_stream=writer, output_stream=reader)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            stream = await SocketStream.from_socket(ours)
            async with client.connect(StreamTransport(stream, stream)) as connection:
                yield connection, writer
            tasks.cancel_scope.cancel()
        writer.close()


async def test_turns_permissions_files_and_refusals_work_over_streams(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("read me", encoding="utf-8")
    client = Client(permissions=allow_once, files=LocalFiles(tmp_path))
    async with sdk_agent(client) as (agent, _), agent.build_session(tmp_path) as session:
        assert await session.prompt("hello") == "1: hello "
        assert await session.prompt("permission") == "selected "
        assert await session.prompt(f"read {tmp_path / 'note'}") == "read me "
        with pytest.raises(RpcError):
            await session.prompt("fail")
        session.send_prompt("hold")
        session.cancel()
        await session.read_to_string()
        assert session.conversation.stop_reason == "cancelled"


async def test_an_agent_that_hangs_up_is_an_error(tmp_path: Path) -> None:
    async with sdk_agent(Client()) as (agent, writer), agent.build_session(tmp_path) as session:
        session.send_prompt("hold")
        writer.close()
        with pytest.raises(AgentLost):
            await session.read_to_string()
