"""Permission asked of the client's user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonValue
from acp_agent.model.permission import Decision, PermissionRequest
from acp_agent.ports import Broker
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.peer import Peer
from acp_agent.surface.v1.tool_projection import tool_call_fields
from acp_agent.surface.v1.tracing import in_trace


class ClientBroker:
    """Asks with `session/request_permission`; the user may take any time, a cancelled turn withdraws it."""

    def __init__(self, peer: Peer, *, subagents: bool = False) -> None:
        self._peer = peer
        self._subagents = subagents  # whether the client knows them as sessions of their own

    async def ask(self, request: PermissionRequest) -> Decision:
        """The user's choice; `dismissed` for every other answer, error or lost client."""
        asking = request.subagent if self._subagents else None
        try:
            answer = await self._peer.request(
                "session/request_permission",
                in_trace(
                    {
                        "sessionId": asking or request.session_id,
                        "toolCall": {"toolCallId": request.call_id, **tool_call_fields(request.call)},
                        "options": [
                            {"optionId": choice.id, "name": choice.label, "kind": choice.id}
                            for choice in request.choices
                        ],
                    }
                ),
            )
        except (RpcError, ConnectionLost):
            return "dismissed"
        return _read_outcome(answer, request)


def _read_outcome(answer: JsonValue, request: PermissionRequest) -> Decision:
    outcome = answer.get("outcome") if isinstance(answer, dict) else None
    if isinstance(outcome, dict) and outcome.get("outcome") == "selected":
        for choice in request.choices:
            if choice.id == outcome.get("optionId"):
                return choice.id
    return "dismissed"


if TYPE_CHECKING:
    _: type[Broker] = ClientBroker
