"""Logging in and out over version 1."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonValue
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import Call, Handler, object_params
from acp_agent.surface.backend import Backend
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1 import capabilities, params
from acp_agent.surface.v1.wire import read


class AccountMethods:
    """Handlers for methods about keys and the services they open."""

    def __init__(self, backend: Backend, offer: ClientOffer) -> None:
        self._backend = backend
        self._offer = offer

    def handlers(self) -> dict[str, Handler]:
        """By method name."""
        return {"authenticate": self._authenticate, "logout": self._log_out}

    async def _authenticate(self, call: Call) -> JsonValue:
        given = read(params.AuthenticateParams, call.params)
        known = [method["id"] for method in capabilities.auth_methods(terminal=self._offer.auth_terminal)]
        if given.method_id not in known:
            raise invalid_params("methodId", f"unknown method; choose one of: {', '.join(map(str, known))}")
        self._backend.log_in()
        return {}

    async def _log_out(self, call: Call) -> JsonValue:
        object_params(call.params)
        self._backend.log_out()
        return {}
