"""Version 1, whole: every method a client may call, and who handles it."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonValue
from acp_agent.rpc.peer import Handler, Peer
from acp_agent.surface.backend import Backend
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.accounts import AccountMethods
from acp_agent.surface.v1.host import ClientHost
from acp_agent.surface.v1.mcp_channel import McpChannel
from acp_agent.surface.v1.providers import ProviderMethods
from acp_agent.surface.v1.sessions import SessionMethods
from acp_agent.surface.v1.shelf import ShelfMethods
from acp_agent.surface.v1.steering import SteeringMethods
from acp_agent.surface.v1.turns import TurnMethods


class Router:
    """Handlers of one connection: params in, engine calls, results out."""

    def __init__(self, backend: Backend, peer: Peer, offer: ClientOffer) -> None:
        host = ClientHost(peer, offer)
        self._turns = TurnMethods(backend, host)
        self._channel = McpChannel(peer)
        accounts = AccountMethods(backend, peer, offer)
        self._others = (
            accounts,
            ProviderMethods(backend, accounts),
            SessionMethods(backend, peer, offer, host, self._channel),
            ShelfMethods(backend, host),
            SteeringMethods(backend),
        )

    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        table = self._turns.handlers()
        for methods in self._others:
            table.update(methods.handlers())
        return table

    def cancel(self, params: JsonValue) -> None:
        """`session/cancel`."""
        self._turns.cancel(params)

    def take_mcp_message(self, params: JsonValue) -> None:
        """`mcp/message` as a notification."""
        self._channel.take(params)
