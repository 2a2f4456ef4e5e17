"""MCP servers made of this program's own functions, attached to a session.

    server = MCPServer("clock")

    @server.tool()
    def now() -> str:
        "The time."
        return datetime.now().isoformat()

    async with agent.build_session(cwd).with_mcp_server(InProcessServer(server)) as session: ...

An agent that takes MCP over ACP gets the server inside the connection; for others a listener on loopback,
behind a path nobody can guess, bridges the gap. Either ends with what it was attached to.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from acp_agent.base.ids import random_id
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.dispatch import PASS_ON, Passed, RequestEntry
from acp_agent.client.messages import Message
from acp_agent.rpc.errors import INTERNAL_ERROR, RpcError, invalid_params

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.server import MCPServer
    from mcp.shared.message import SessionMessage

    from acp_agent.client.connection import Connection


ENDED = "the MCP server has ended with what it was attached to"


class InProcessServer:
    """An `MCPServer` of the `mcp` package, ready to be attached to sessions; each gets a server session."""

    def __init__(self, server: MCPServer) -> None:
        self._server = server

    def attach(self, connection: Connection) -> AbstractAsyncContextManager[JsonObject]:
        """Serve it to the agent while the context lasts; yields its entry in `mcpServers`."""
        mcp = connection.capabilities.get("mcpCapabilities")
        if isinstance(mcp, dict) and mcp.get("acp") is True:
            return self._over_connection(connection)
        return self._over_loopback(connection)

    @asynccontextmanager
    async def _over_connection(self, connection: Connection) -> AsyncGenerator[JsonObject, None]:
        server_id = random_id("mcp")
        exchange = _Exchange(self._server, server_id, connection)
        entry = RequestEntry("mcp/message", exchange.handle, concurrent=True)
        connection.dispatcher.add_entry(entry)
        connection.spawn(exchange.run)
        try:
            yield {"type": "acp", "name": self._server.name, "serverId": server_id}
        finally:
            connection.dispatcher.remove_entry(entry)
            exchange.close()

    @asynccontextmanager
    async def _over_loopback(self, connection: Connection) -> AsyncGenerator[JsonObject, None]:
        import uvicorn  # lazy: only for agents without MCP over ACP

        path = f"/{secrets.token_urlsafe(24)}"
        application = self._server.streamable_http_app(streamable_http_path=path)
        config = uvicorn.Config(application, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
        listener = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as bound:  # takes connections from here on
            ended = anyio.Event()

            async def serve() -> None:
                try:
                    await listener.serve(sockets=[bound])
                finally:
                    ended.set()

            connection.spawn(serve)
            try:
                yield {
                    "type": "http",
                    "name": self._server.name,
                    "url": f"http://127.0.0.1:{bound.getsockname()[1]}{path}",
                    "headers": [],
                }
            finally:
                listener.should_exit = True
                await ended.wait()


class _Exchange:
    """A server session whose requests come one by one through `mcp/message`."""

    def __init__(self, server: MCPServer, server_id: str, connection: Connection) -> None:
        self._server = server
        self._server_id = server_id
        self._connection = connection
        self._to_server: MemoryObjectSendStream[SessionMessage | Exception]
        self._to_server, self._requests = anyio.create_memory_object_stream[Any](64)
        self._answers: MemoryObjectSendStream[SessionMessage]
        self._answers, self._from_server = anyio.create_memory_object_stream[Any](64)
        self._waiting: dict[str, tuple[anyio.Event, list[JsonObject]]] = {}
        self._scope = anyio.CancelScope()
        self._ended = False

    async def run(self) -> None:
        """Serve until `close`."""
        # The package has no public name for the server behind the decorator; its own in-memory transport
        # reaches for it in the same way.
        inner = self._server._lowlevel_server  # pyright: ignore[reportPrivateUsage]
        with self._scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._collect, self._from_server)
                await inner.run(self._requests, self._answers, inner.create_initialization_options())
                tasks.cancel_scope.cancel()

    def close(self) -> None:
        """End the server session; requests under way are answered with an error."""
        self._ended = True
        self._scope.cancel()
        for done, answer in self._waiting.values():
            answer.append({"error": {"code": INTERNAL_ERROR, "message": ENDED}})
            done.set()
        for stream in (self._to_server, self._requests, self._answers, self._from_server):
            stream.close()

    async def handle(self, params: Message | JsonObject, *_: object) -> JsonValue | Passed:
        """Answer one `mcp/message` if it is for this server."""
        if not isinstance(params, dict) or params.get("serverId") != self._server_id:
            return PASS_ON
        request_id, method = params.get("requestId"), params.get("method")
        if not isinstance(request_id, str) or not isinstance(method, str):
            raise invalid_params("requestId", "a request needs a string `requestId` and a `method`")
        if self._ended:
            raise RpcError(INTERNAL_ERROR, ENDED)
        done, answer = self._waiting[request_id] = (anyio.Event(), [])
        try:
            await self._send(
                {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params.get("params") or {}}
            )
            await done.wait()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                cancelled: JsonObject = {"requestId": request_id}
                await self._send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled})
            raise
        finally:
            del self._waiting[request_id]
        if (
            method == "initialize" and not self._ended
        ):  # the notification that follows has no way through `mcp/message`
            await self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer[0]

    async def _send(self, message: JsonObject) -> None:
        if self._ended:
            return
        from mcp.shared.message import SessionMessage  # lazy: loaded with the server
        from mcp.types import jsonrpc_message_adapter

        await self._to_server.send(SessionMessage(jsonrpc_message_adapter.validate_python(message)))

    async def _collect(self, answers: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Hand answers to who waits for them, and what the server says unasked to the agent."""
        async for item in answers:
            message: JsonObject = item.message.model_dump(mode="json", by_alias=True, exclude_none=True)
            waiting = self._waiting.get(str(message.get("id")))
            if "method" not in message and waiting is not None:
                done, answer = waiting
                answer.append({key: message[key] for key in ("result", "error") if key in message})
                done.set()
            elif "id" not in message:
                self._tell(message)

    def _tell(self, message: JsonObject) -> None:
        """A notification belongs to a request that is open; without one there is nobody to tell."""
        for request_id in self._waiting:
            told: JsonObject = {"serverId": self._server_id, "requestId": request_id, **_call(message)}
            self._connection.notify("mcp/message", told)
            return


def _call(message: JsonObject) -> JsonObject:
    return {key: message[key] for key in ("method", "params") if key in message}
