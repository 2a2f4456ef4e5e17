"""Logging in and out over version 1, and how things stand with that."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import Call, Handler, Peer, object_params
from acp_agent.surface.backend import AuthStatus, Backend
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1 import params
from acp_agent.surface.v1.wire import read


class AccountMethods:
    """Handlers for methods about keys and the services they open."""

    def __init__(self, backend: Backend, peer: Peer, offer: ClientOffer) -> None:
        self._backend = backend
        self._peer = peer
        self._offer = offer
        self._told: AuthStatus | None = None  # what the client, having asked once, knows

    def handlers(self) -> dict[str, Handler]:
        """By method name."""
        return {"authenticate": self._authenticate, "logout": self._log_out, "auth/status": self._status}

    def tell_change(self) -> None:
        """Tell a client that has ever asked for it how things stand now, if that is not what it knows."""
        if self._told is None:
            return
        status = self._backend.auth_status()
        if status != self._told:
            self._told = status
            self._peer.notify("auth/status_update", _shown(status))

    async def _authenticate(self, call: Call) -> JsonValue:
        given = read(params.AuthenticateParams, call.params)
        known = [method["id"] for method in self._offer.auth_methods()]
        if given.method_id not in known:
            raise invalid_params("methodId", f"unknown method; choose one of: {', '.join(map(str, known))}")
        self._backend.log_in()
        self.tell_change()
        return {}

    async def _log_out(self, call: Call) -> JsonValue:
        object_params(call.params)
        self._backend.log_out()
        self.tell_change()
        return {}

    async def _status(self, call: Call) -> JsonValue:
        object_params(call.params)
        self._told = self._backend.auth_status()
        return _shown(self._told)


def _shown(status: AuthStatus) -> JsonObject:
    shown: JsonObject = {"state": status.state}
    if status.accounts:
        shown["accounts"] = [
            {"label": account.label, "active": account.active} for account in status.accounts
        ]
    return shown
