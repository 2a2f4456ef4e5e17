"""The way to MCP servers that the client is: `mcp/message`, requests there, notifications back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.ports import MessageChannel
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.peer import Peer, object_params

logger = logging.getLogger(__name__)

METHOD = "mcp/message"


class McpChannel:
    """All servers of one client. What they say unasked belongs to a request that is still open."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._n_requests = 0
        self._open: dict[tuple[str, str], Callable[[str, JsonObject], None]] = {}  # by server and request

    def new_request_id(self) -> str:
        """An id for `request`; no two requests over this connection have the same."""
        self._n_requests += 1
        return f"mcp-{self._n_requests}"

    async def request(
        self,
        server_id: str,
        request_id: str,
        method: str,
        params: JsonObject | None,
        notified: Callable[[str, JsonObject], None],
    ) -> JsonObject:
        """What the server answered: an object with `result`, or one with `error`, which is an MCP error.

        Raises:
            ToolError: the client cannot reach the server, or answers what is neither.
            ConnectionLost: the client is gone.
        """
        message: JsonObject = {"serverId": server_id, "requestId": request_id, "method": method}
        if params is not None:
            message["params"] = params
        self._open[server_id, request_id] = notified
        try:
            answer = await self._peer.request(METHOD, message)
        except RpcError as exc:
            raise ToolError(f"the client cannot reach it: {exc.message}") from exc
        finally:
            del self._open[server_id, request_id]
        if isinstance(answer, dict):
            if "result" in answer:
                return {"result": answer["result"]}
            if isinstance(answer.get("error"), dict):
                return {"error": answer["error"]}
        raise ToolError(f"the client's answer to `{METHOD}` has neither `result` nor `error`")

    def take(self, params: JsonValue) -> None:
        """A notification of a server, handed to the request it belongs to.

        Raises:
            RpcError: the params are no object.
        """
        message = object_params(params)
        server_id, request_id = message.get("serverId"), message.get("requestId")
        method, inner = message.get("method"), message.get("params")
        if not isinstance(server_id, str) or not isinstance(request_id, str) or not isinstance(method, str):
            logger.warning("`%s` ignored: it lacks `serverId`, `requestId` or `method`", METHOD)
            return
        notified = self._open.get((server_id, request_id))
        if notified is None:
            logger.debug("`%s` of a server is about no open request", method)
            return
        notified(method, inner if isinstance(inner, dict) else {})


if TYPE_CHECKING:
    _: type[MessageChannel] = McpChannel
