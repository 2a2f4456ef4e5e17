"""An ACP client: `connect` to an agent, open a session, prompt it, see every update in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio

import acp_agent
from acp_agent.base.errors import AcpAgentError
from acp_agent.base.groups import one_error
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import INTERNAL_ERROR, RpcError, method_not_found
from acp_agent.rpc.peer import Call, Handler, Peer, Tap, object_params
from acp_agent.rpc.transport import Transport

RequestHandler: TypeAlias = Callable[[JsonObject], Awaitable[JsonValue]]
"""Answers one request of the agent; raises `RpcError` to refuse it."""

UpdateHandler: TypeAlias = Callable[[str, JsonObject], None]
"""Takes a session's id and one `update` object, in the order sent; must not block."""

PROTOCOL_VERSION = 1


class BadAgent(AcpAgentError):
    """The agent's answer is not what the protocol says."""

    def __init__(self, method: str, missing: str) -> None:
        super().__init__(f"the agent's answer to `{method}` lacks `{missing}`")


class Client:
    """A connection to an agent, ready for sessions; made by `connect`.

    Attributes:
        agent: the result of `initialize`: `agentInfo`, `agentCapabilities`, `authMethods`.
    """

    def __init__(self, peer: Peer, agent: JsonObject) -> None:
        self._peer = peer
        self.agent = agent

    async def request(self, method: str, params: JsonObject) -> JsonObject:
        """Any request; a result that is null counts as empty.

        Raises:
            RpcError: the agent refused.
            ConnectionLost: it is gone.
        """
        return _object(await self._peer.request(method, params))

    def notify(self, method: str, params: JsonObject) -> None:
        """Any notification."""
        self._peer.notify(method, params)

    async def new_session(self, cwd: str, mcp_servers: Sequence[JsonObject] = ()) -> str:
        """Open a session in an absolute directory; returns its id (`session/new`).

        Raises:
            RpcError: the agent refused.
            BadAgent: it opened one but did not say which.
        """
        result = await self.request("session/new", {"cwd": cwd, "mcpServers": [*mcp_servers]})
        session_id = result.get("sessionId")
        if not isinstance(session_id, str):
            raise BadAgent("session/new", "sessionId")
        return session_id

    async def prompt(self, session_id: str, text: str) -> str:
        """Send a text prompt; returns the stop reason after every update of the turn was seen.

        Cancelling the caller cancels the turn.

        Raises:
            RpcError: the turn failed.
            ConnectionLost: the agent is gone.
            BadAgent: it answered without a stop reason.
        """
        params: JsonObject = {"sessionId": session_id, "prompt": [{"type": "text", "text": text}]}
        result = await self.request("session/prompt", params)
        stop_reason = result.get("stopReason")
        if not isinstance(stop_reason, str):
            raise BadAgent("session/prompt", "stopReason")
        return stop_reason

    def cancel(self, session_id: str) -> None:
        """Ask the agent to end the session's turn; its prompt then returns `cancelled`."""
        self.notify("session/cancel", {"sessionId": session_id})


@asynccontextmanager
async def connect(
    transport: Transport,
    *,
    on_update: UpdateHandler,
    requests: Mapping[str, RequestHandler] | None = None,
    capabilities: JsonObject | None = None,
    tap: Tap | None = None,
) -> AsyncGenerator[Client, None]:
    """Introduce ourselves to the agent behind `transport`; disconnects when the context ends.

    Args:
        on_update: takes every `session/update`.
        requests: what the agent may ask, by method; anything else is refused. What is listed in
            `capabilities` must be served here.
        capabilities: the `clientCapabilities` to advertise.
        tap: observer of every line.

    Raises:
        RpcError: the agent refused to be initialized.
        ConnectionLost: it went away first.
    """
    handlers = {method: _serving(handler) for method, handler in (requests or {}).items()}

    def admit(method: str, params: JsonValue) -> Handler:
        handler = handlers.get(method)
        if handler is None:
            raise method_not_found(method)
        return handler

    def take_update(params: JsonValue) -> None:
        fields = object_params(params)
        session_id, update = fields.get("sessionId"), fields.get("update")
        if isinstance(session_id, str) and isinstance(update, dict):
            on_update(session_id, update)

    peer = Peer(
        transport, admission=admit, error_from=_to_rpc, preempt={"session/update": take_update}, tap=tap
    )
    with one_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.serve)
            answer = await peer.request(
                "initialize",
                {
                    "protocolVersion": PROTOCOL_VERSION,
                    "clientCapabilities": capabilities or {},
                    "clientInfo": {"name": "acp-agent", "version": acp_agent.__version__},
                },
            )
            yield Client(peer, _object(answer))
            tasks.cancel_scope.cancel()


def _serving(handler: RequestHandler) -> Handler:
    async def serve(call: Call) -> JsonValue:
        return await handler(object_params(call.params))

    return serve


def _to_rpc(exc: Exception) -> RpcError:
    return exc if isinstance(exc, RpcError) else RpcError(INTERNAL_ERROR, f"the client failed: {exc}")


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
