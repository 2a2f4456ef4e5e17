"""An MCP server that the client is: its messages travel inside the connection to the client.

Every request is answered by itself, and all the server says unasked belongs to a request that is still open.
What the SDK sends besides requests has no place in this: a cancellation withdraws its request, the rest is
dropped.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias, cast

import anyio

from acp_agent.base.errors import ConnectionLost, ToolError
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model.mcp import ChannelServer
from acp_agent.ports import MessageChannel

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage
    from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCRequest, JSONRPCResponse, RequestId

    ChannelStreams: TypeAlias = tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
    ]

logger = logging.getLogger(__name__)

SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
"""Where a notification of a subscription names the request that opened it."""


class NoReport:
    """Nothing is known of such a server besides its messages."""

    def summary(self) -> str:
        """Nothing."""
        return ""


@asynccontextmanager
async def channel_streams(
    server: ChannelServer, channel: MessageChannel | None
) -> AsyncGenerator[ChannelStreams]:
    """Exchange messages with the server while the context is open; open requests are withdrawn at its end.

    Raises:
        ToolError: there is no client behind this session that could be the server.
    """
    from mcp.shared.message import SessionMessage  # lazy: loaded by the caller in a thread, as all of the SDK

    if channel is None:
        raise ToolError("is reached through the client's connection, and this session has none")
    incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    async with incoming, read, write, anyio.create_task_group() as tasks:
        tasks.start_soon(_Exchange(server, channel, incoming).carry, outgoing, tasks)
        yield read, write
        tasks.cancel_scope.cancel()


class _Exchange:
    """The requests under way, by the SDK's own ids."""

    def __init__(
        self,
        server: ChannelServer,
        channel: MessageChannel,
        incoming: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        self._server = server
        self._channel = channel
        self._incoming = incoming
        self._open: dict[RequestId, anyio.CancelScope] = {}

    async def carry(self, outgoing: MemoryObjectReceiveStream[SessionMessage], tasks: TaskGroup) -> None:
        """Send what the SDK sends until it stops; `tasks` waits for the answers."""
        from mcp.types import JSONRPCNotification, JSONRPCRequest

        async with outgoing:
            async for item in outgoing:
                message = item.message
                if isinstance(message, JSONRPCRequest):
                    self._open[message.id] = scope = anyio.CancelScope()
                    tasks.start_soon(self._ask, message, scope)
                elif isinstance(message, JSONRPCNotification):
                    self._take_notification(message.method, message.params or {})

    def _take_notification(self, method: str, params: JsonObject) -> None:
        if method != "notifications/cancelled":
            logger.debug("`%s` has no way to a server of the client", method)
            return
        request_id = params.get("requestId")
        scope = self._open.get(request_id) if isinstance(request_id, (int, str)) else None
        if scope is not None:
            scope.cancel()

    async def _ask(self, message: JSONRPCRequest, scope: anyio.CancelScope) -> None:
        carried_id = self._channel.new_request_id()

        def notified(method: str, params: JsonObject) -> None:
            self._hand_on(_notification(method, _renamed(params, carried_id, message.id)))

        try:
            with scope:
                outcome = await self._channel.request(
                    self._server.server_id, carried_id, message.method, message.params, notified
                )
                self._hand_on(_answer(message.id, outcome))
        except ToolError as exc:
            self._hand_on(_answer(message.id, {"error": {"code": -32603, "message": str(exc)}}))
        except ConnectionLost:
            self._incoming.close()
        finally:
            del self._open[message.id]

    def _hand_on(self, message: JSONRPCMessage) -> None:
        from mcp.shared.message import SessionMessage

        try:
            self._incoming.send_nowait(SessionMessage(message))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the session is over


def _answer(request_id: RequestId, outcome: JsonObject) -> JSONRPCResponse | JSONRPCError:
    from mcp.types import ErrorData, JSONRPCError, JSONRPCResponse

    result = outcome.get("result")
    if isinstance(result, dict):
        return JSONRPCResponse(jsonrpc="2.0", id=request_id, result=result)
    error = outcome.get("error")
    if not isinstance(error, dict):
        error = cast("JsonObject", {"code": -32603, "message": "the result is not an object"})
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData.model_validate(error))


def _notification(method: str, params: JsonObject) -> JSONRPCMessage:
    from mcp.types import JSONRPCNotification

    return JSONRPCNotification(jsonrpc="2.0", method=method, params=params)


def _renamed(params: JsonObject, carried_id: str, request_id: RequestId) -> JsonObject:
    """`params` with the SDK's own id where the server names the request as it travelled."""
    meta = params.get("_meta")
    if not isinstance(meta, dict) or meta.get(SUBSCRIPTION_ID) != carried_id:
        return params
    renamed: dict[str, JsonValue] = {**meta, SUBSCRIPTION_ID: request_id}
    return {**params, "_meta": renamed}
