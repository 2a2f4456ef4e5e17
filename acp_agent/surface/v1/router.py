"""Version 1, whole: every method a client may call, and who handles it."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonValue
from acp_agent.rpc.peer import Handler, Peer
from acp_agent.surface.backend import Backend
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.accounts import AccountMethods
from acp_agent.surface.v1.host import ClientHost
from acp_agent.surface.v1.sessions import SessionMethods
from acp_agent.surface.v1.turns import TurnMethods


class Router:
    """Handlers of one connection: params in, engine calls, results out."""

    def __init__(self, backend: Backend, peer: Peer, offer: ClientOffer) -> None:
        host = ClientHost(peer, offer)
        self._turns = TurnMethods(backend, host)
        self._others = (AccountMethods(backend, offer), SessionMethods(backend, peer, offer, host))

    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        table = self._turns.handlers()
        for methods in self._others:
            table.update(methods.handlers())
        return table

    def cancel(self, params: JsonValue) -> None:
        """`session/cancel`."""
        self._turns.cancel(params)
