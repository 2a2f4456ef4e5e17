"""`_session/steering`: a message into the running turn, as clients and agents agreed among themselves.

The answer is what became of the message: `injected`, or, when no turn could take it, `promptRequired` if that
is what the client wants to be told, else `startedNewTurn`.
"""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.peer import Call, Handler
from acp_agent.surface.backend import Backend
from acp_agent.surface.v1 import params
from acp_agent.surface.v1.blocks import to_content
from acp_agent.surface.v1.wire import read


class SteeringMethods:
    """The handler for `_session/steering`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def handlers(self) -> dict[str, Handler]:
        """By method name."""
        return {"_session/steering": self._steer}

    async def _steer(self, call: Call) -> JsonValue:
        given = read(params.SteeringParams, call.params)
        session = self._backend.core.get(given.session_id)
        content = to_content(given.prompt, session.model)
        if session.steer(content):
            return {"outcome": "injected"}
        if _asks_to_prompt(given.meta):
            return {"outcome": "promptRequired", "reason": "noRunningTurn"}
        session.submit(content)
        return {"outcome": "startedNewTurn"}


def _asks_to_prompt(meta: JsonObject | None) -> bool:
    wishes = (meta or {}).get("steering")
    return isinstance(wishes, dict) and wishes.get("idleBehavior") == "promptRequired"
