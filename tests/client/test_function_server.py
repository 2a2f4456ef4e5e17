"""MCP servers made of plain functions: what agents see of them, and what they may do."""

from __future__ import annotations

import functools
import logging
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.function_server import McpServer
from acp_agent.rpc.peer import Call
from tests.client.conftest import Connect, FakeAgent, Names


class Caller(Names):
    """The agent's side of a server that came with `session/new`."""

    async def ask(self, agent: FakeAgent, method: str, params: Any, number: int = 0) -> Any:
        entry = self.servers[number]
        given = {"serverId": entry["serverId"], "requestId": method, "method": method, "params": params}
        return (await agent.peer.request("mcp/message", given))["result"]  # type: ignore[index, call-overload]

    async def begin(self, agent: FakeAgent) -> Any:
        client = {"name": "fake", "version": "1"}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        return await self.ask(agent, "initialize", hello)

    async def tools(self, agent: FakeAgent) -> dict[str, Any]:
        return {tool["name"]: tool for tool in (await self.ask(agent, "tools/list", {}))["tools"]}

    async def call(self, agent: FakeAgent, name: str, **arguments: Any) -> str:
        result = await self.ask(agent, "tools/call", {"name": name, "arguments": arguments})
        return str(result["content"][0]["text"])


OVER_ACP = {"mcpCapabilities": {"acp": True}}


def shop() -> McpServer:
    server = McpServer("shop", instructions="Ask before you buy.")

    @server.tool
    def stock(item: str, shelves: list[int] | None = None) -> int:
        """How many of an item there are."""
        return len(item) + sum(shelves or [])

    @server.tool()
    async def price(item: str) -> str:
        await anyio.lowlevel.checkpoint()
        return f"{item}: 3"

    @server.tool(name="buy", description="Buy one.")
    def purchase(item: str) -> str:
        return f"bought {item}"

    return server


async def test_functions_become_tools_with_their_names_types_and_words(connect: Connect) -> None:
    caller = Caller()
    async with (
        connect(capabilities=OVER_ACP, session__new=caller.new) as (client, agent),
        client.build_session("/p").with_mcp_server(shop()),
    ):
        assert (await caller.begin(agent))["instructions"] == "Ask before you buy."
        tools = await caller.tools(agent)
        assert list(tools) == ["stock", "price", "buy"]
        assert tools["stock"]["description"] == "How many of an item there are."
        assert tools["buy"]["description"] == "Buy one."
        schema = tools["stock"]["inputSchema"]
        assert schema["properties"]["item"]["type"] == "string"
        assert schema["required"] == ["item"]
        assert await caller.call(agent, "stock", item="pear", shelves=[1, 2]) == "7"
        assert await caller.call(agent, "price", item="pear") == "pear: 3"
        assert await caller.call(agent, "buy", item="pear") == "bought pear"


async def test_a_tool_that_fails_tells_why(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caller, server = Caller(), McpServer("shop")

    @server.tool
    def order(item: str) -> str:
        raise LookupError(f"no {item} in any shelf")

    @server.tool
    async def count() -> int:
        raise ZeroDivisionError("nothing to count")

    @server.tool
    def leave() -> None:
        raise SystemExit("as programs end")

    async with (
        connect(capabilities=OVER_ACP, session__new=caller.new) as (client, agent),
        client.build_session("/p").with_mcp_server(server),
    ):
        await caller.begin(agent)
        assert "LookupError: no pear in any shelf" in await caller.call(agent, "order", item="pear")
        assert "ZeroDivisionError: nothing to count" in await caller.call(agent, "count")
        assert "SystemExit: as programs end" in await caller.call(agent, "leave")
    assert "the tool `order` failed for an agent" in caplog.text


async def test_whoever_has_tools_keeps_their_own_logging(connect: Connect) -> None:
    caller, root = Caller(), logging.getLogger()
    handlers = root.handlers[:]
    root.handlers.clear()
    try:
        async with (
            connect(capabilities=OVER_ACP, session__new=caller.new) as (client, _),
            client.build_session("/p").with_mcp_server(shop()),
        ):
            assert root.handlers == []
    finally:
        root.handlers[:] = handlers


async def test_a_tool_talks_to_the_agent_it_serves(connect: Connect) -> None:
    caller, server = Caller(), McpServer("echo")

    @server.tool
    async def ask_back(text: str, agent: Connection) -> str:
        """Ask the agent."""
        return str((await agent.request("_ask", {"text": text}))["answer"])

    async def answer(agent: FakeAgent, call: Call) -> Any:
        assert isinstance(call.params, dict)
        return {"answer": f"{call.params['text']}, yes"}

    async with (
        connect(capabilities=OVER_ACP, session__new=caller.new, _ask=answer) as (client, agent),
        client.build_session("/p").with_mcp_server(server),
    ):
        await caller.begin(agent)
        tools = await caller.tools(agent)
        assert list(tools["ask_back"]["inputSchema"]["properties"]) == ["text"]
        assert await caller.call(agent, "ask_back", text="really") == "really, yes"


async def test_sessions_get_the_tools_that_are_enabled_when_they_start(connect: Connect) -> None:
    caller, server = Caller(), shop()
    async with connect(Client(mcp_servers=[server]), capabilities=OVER_ACP, session__new=caller.new) as (
        client,
        agent,
    ):
        server.disable_tool("buy")
        async with client.build_session("/p"):
            await caller.begin(agent)
            assert list(await caller.tools(agent)) == ["stock", "price"]
        server.disable_all_tools()
        server.enable_tool("price")
        assert server.enabled_tools == ["price"]
        async with client.build_session("/p"):
            await caller.begin(agent)
            assert list(await caller.tools(agent)) == ["price"]
    server.enable_all_tools()
    assert server.enabled_tools == ["stock", "price", "buy"]


def test_what_cannot_be_a_tool_is_refused_when_it_is_made() -> None:
    server = shop()
    for act in (server.enable_tool, server.disable_tool):
        with pytest.raises(ValueError, match="has no tool `sell`; it has `stock`, `price`, `buy`"):
            act("sell")
    with pytest.raises(ValueError, match="has a tool `buy` already"):

        @server.tool
        def buy() -> None:  # pyright: ignore[reportUnusedFunction]
            pass

    with pytest.raises(ValueError, match="`async def`"):

        @server.tool
        def blocking(agent: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
            pass

    with pytest.raises(ValueError, match="`<lambda>` cannot name a tool"):
        server.tool(lambda: 1)
    with pytest.raises(ValueError, match="cannot name a tool"):
        server.tool(functools.partial(max, 1))
    with pytest.raises(ValueError, match="needs a name"):
        McpServer("")
