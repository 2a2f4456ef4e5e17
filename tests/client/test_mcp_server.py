"""MCP servers of the client's own process, as our agent and others reach them."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx
import pytest
from mcp.server import MCPServer

from acp_agent.client.mcp_server import InProcessServer
from acp_agent.rpc.errors import RpcError
from tests.client.conftest import Connect, Names


def clock() -> MCPServer:
    server = MCPServer("clock")

    @server.tool()
    def now(zone: str) -> str:
        """The time."""
        return f"noon in {zone}"

    return server


def hello() -> dict[str, Any]:
    return {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "fake", "version": "1"},
    }


async def test_an_agent_that_takes_mcp_over_acp_gets_the_server_inside_the_connection(
    connect: Connect,
) -> None:
    names = Names()
    over_acp = {"mcpCapabilities": {"acp": True}}
    async with connect(capabilities=over_acp, session__new=names.new) as (client, agent):
        builder = client.build_session("/p").with_mcp_server(InProcessServer(clock()))
        async with builder:
            (entry,) = names.servers
            assert (entry["type"], entry["name"]) == ("acp", "clock")

            async def ask(request_id: str, method: str, params: Any) -> Any:
                given = {
                    "serverId": entry["serverId"],
                    "requestId": request_id,
                    "method": method,
                    "params": params,
                }
                return await agent.peer.request("mcp/message", given)

            assert (await ask("1", "initialize", hello()))["result"]["serverInfo"]["name"] == "clock"
            listed = (await ask("2", "tools/list", {}))["result"]["tools"]
            assert [tool["name"] for tool in listed] == ["now"]
            called = await ask("3", "tools/call", {"name": "now", "arguments": {"zone": "Rome"}})
            assert called["result"]["content"][0]["text"] == "noon in Rome"
            refused = await ask("4", "no/such", {})
            assert refused["error"]["code"] == -32601


async def test_any_other_agent_gets_a_listener_on_loopback_behind_a_secret_path(connect: Connect) -> None:
    names = Names()
    async with connect(session__new=names.new) as (client, _):
        async with client.build_session("/p").with_mcp_server(InProcessServer(clock())):
            (entry,) = names.servers
            assert entry["type"] == "http"
            async with httpx.AsyncClient(trust_env=False) as http:
                headers = {"accept": "application/json, text/event-stream"}
                body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello()}
                answer = await http.post(entry["url"], json=body, headers=headers)
                assert "clock" in answer.text
                guess = entry["url"].rpartition("/")[0] + "/mcp"
                assert (await http.post(guess, content=json.dumps(body), headers=headers)).status_code == 404
        async with httpx.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx.ConnectError):
                await http.post(entry["url"], json=body, headers=headers)


async def test_a_server_without_a_name_is_refused_before_anything_is_sent(connect: Connect) -> None:
    async with connect() as (client, _):
        with pytest.raises(ValueError, match="name"):
            client.build_session("/p").with_mcp_server({"command": "x"})


async def test_a_server_that_has_ended_answers_with_an_error(connect: Connect) -> None:
    names = Names()
    over_acp = {"mcpCapabilities": {"acp": True}}
    began, go_on = anyio.Event(), anyio.Event()
    server = MCPServer("slow")

    @server.tool()
    async def wait() -> str:
        began.set()
        await go_on.wait()
        return "never"

    async with connect(capabilities=over_acp, session__new=names.new) as (client, agent):

        async def ask(request_id: str, method: str, params: Any) -> Any:
            (entry,) = names.servers
            given = {"serverId": entry["serverId"], "requestId": request_id, "method": method}
            return await agent.peer.request("mcp/message", {**given, "params": params})

        answers: list[Any] = []

        async def call() -> None:
            answers.append(await ask("2", "tools/call", {"name": "wait", "arguments": {}}))

        builder = client.build_session("/p").with_mcp_server(InProcessServer(server))
        async with anyio.create_task_group() as tasks, builder:
            await ask("1", "initialize", hello())
            tasks.start_soon(call)
            await began.wait()
        assert "has ended" in answers[0]["error"]["message"]
        with pytest.raises(RpcError, match="Method not found"):
            await ask("3", "tools/list", {})
