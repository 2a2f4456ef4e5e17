"""`mcp/message` both ways: requests to a client's servers, and what these say while a request is open."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from acp_agent.base.errors import ConnectionLost, ToolError
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import RpcError, method_not_found
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Handler, Peer
from acp_agent.rpc.transport import Transport
from acp_agent.surface.v1.mcp_channel import McpChannel
from tests.patience import PATIENCE


class Client:
    """The client's end, line by line."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def receive(self) -> Any:
        with anyio.fail_after(PATIENCE):
            frame = await self._transport.receive()
        assert isinstance(frame, bytes)
        return json.loads(frame)

    async def send(self, **members: JsonValue) -> None:
        await self._transport.send(json.dumps({"jsonrpc": "2.0", **members}).encode() + b"\n")

    async def say(self, method: str, request_id: str, server_id: str = "s", params: JsonValue = None) -> None:
        """Notify of what a server says."""
        message: JsonObject = {"serverId": server_id, "requestId": request_id, "method": method}
        await self.send(method="mcp/message", params={**message, "params": params})

    async def hang_up(self) -> None:
        await self._transport.aclose()


@asynccontextmanager
async def connected() -> AsyncGenerator[tuple[McpChannel, Client]]:
    ours, theirs = memory_transport_pair()

    def admit(method: str, params: JsonValue) -> Handler:
        raise method_not_found(method)

    def take(params: JsonValue) -> None:
        channel.take(params)

    peer = Peer(
        ours,
        admission=admit,
        error_from=lambda exc: exc if isinstance(exc, RpcError) else RpcError(-32603, "bug"),
        preempt={"mcp/message": take},
    )
    channel, client = McpChannel(peer), Client(theirs)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(peer.serve)
        try:
            yield channel, client
        finally:
            await client.hang_up()


class Asked:
    """One request, what came of it, and what was said meanwhile."""

    def __init__(self, channel: McpChannel) -> None:
        self._channel = channel
        self.id = channel.new_request_id()
        self.said: list[tuple[str, JsonObject]] = []
        self.outcome: JsonObject | Exception | None = None

    async def ask(self, params: JsonObject | None = None) -> None:
        try:
            self.outcome = await self._channel.request(
                "s", self.id, "tools/list", params, lambda method, given: self.said.append((method, given))
            )
        except (ToolError, ConnectionLost) as exc:
            self.outcome = exc


async def test_a_request_carries_server_request_and_message_and_returns_the_inner_outcome() -> None:
    async with connected() as (channel, client), anyio.create_task_group() as tasks:
        first, second = Asked(channel), Asked(channel)
        assert first.id != second.id
        tasks.start_soon(first.ask, {"cursor": "1"})
        frame = await client.receive()
        inner = {"serverId": "s", "requestId": first.id, "method": "tools/list", "params": {"cursor": "1"}}
        assert (frame["method"], frame["params"]) == ("mcp/message", inner)
        tasks.start_soon(second.ask)
        other = await client.receive()
        assert "params" not in other["params"]
        await client.send(id=other["id"], result={"error": {"code": 1, "message": "no"}, "_meta": {}})
        await client.send(id=frame["id"], result={"result": None, "error": {"code": 1}})
    assert (first.outcome, second.outcome) == ({"result": None}, {"error": {"code": 1, "message": "no"}})


async def test_what_a_server_says_reaches_the_open_request_it_names_before_its_answer() -> None:
    async with connected() as (channel, client), anyio.create_task_group() as tasks:
        asked = Asked(channel)
        tasks.start_soon(asked.ask)
        frame = await client.receive()
        await client.say("notifications/progress", asked.id, params={"progress": 1})
        await client.say("notifications/other", asked.id)
        await client.say("notifications/stray", asked.id, server_id="t")
        await client.say("notifications/stray", "nobody's")
        await client.send(method="mcp/message", params={"serverId": "s", "requestId": 5})
        await client.send(method="mcp/message", params=[])
        await client.send(id=frame["id"], result={"result": {}})
    assert asked.outcome == {"result": {}}
    assert asked.said == [("notifications/progress", {"progress": 1}), ("notifications/other", {})]


@pytest.mark.parametrize("answer", [None, 5, {}, {"error": None}, {"error": "x"}])
async def test_an_answer_that_holds_no_outcome_is_an_error(answer: JsonValue) -> None:
    async with connected() as (channel, client), anyio.create_task_group() as tasks:
        asked = Asked(channel)
        tasks.start_soon(asked.ask)
        await client.send(id=(await client.receive())["id"], result=answer)
    assert isinstance(asked.outcome, ToolError)
    assert str(asked.outcome) == "the client's answer to `mcp/message` has neither `result` nor `error`"


async def test_a_server_that_the_client_cannot_reach_is_an_error_with_its_reason() -> None:
    async with connected() as (channel, client), anyio.create_task_group() as tasks:
        asked = Asked(channel)
        tasks.start_soon(asked.ask)
        error: JsonObject = {"code": -32602, "message": "no such server"}
        await client.send(id=(await client.receive())["id"], error=error)
    assert str(asked.outcome) == "the client cannot reach it: no such server"


async def test_the_end_of_the_connection_ends_requests() -> None:
    async with connected() as (channel, client), anyio.create_task_group() as tasks:
        asked = Asked(channel)
        tasks.start_soon(asked.ask)
        await client.receive()
        await client.hang_up()
    assert isinstance(asked.outcome, ConnectionLost)


async def test_an_abandoned_request_is_withdrawn() -> None:
    async with connected() as (channel, client):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Asked(channel).ask)
            frame = await client.receive()
            tasks.cancel_scope.cancel()
        withdrawn = await client.receive()
        assert (withdrawn["method"], withdrawn["params"]) == ("$/cancel_request", {"requestId": frame["id"]})


async def test_a_client_has_no_requests_of_this_method() -> None:
    async with connected() as (_, client):
        await client.send(id=1, method="mcp/message", params={})
        assert (await client.receive())["error"]["code"] == -32601
