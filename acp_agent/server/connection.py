"""One client's connection: before `initialize` nothing else is served, afterwards the negotiated surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.base.jsontext import JsonValue
from acp_agent.rpc.errors import invalid_request
from acp_agent.rpc.peer import Admission, Handler, Peer, Tap
from acp_agent.rpc.transport import Transport
from acp_agent.surface.errors import to_rpc
from acp_agent.surface.handshake import ClientOffer, initialize

if TYPE_CHECKING:
    from acp_agent.surface.backend import Backend
    from acp_agent.surface.v1.router import Router


class Connection:
    """Serves `backend` over `transport`, which it owns; `offer` is set if `initialize` is answered."""

    def __init__(
        self,
        transport: Transport,
        backend: Backend,
        *,
        offer: ClientOffer | None = None,
        tap: Tap | None = None,
    ) -> None:
        self._backend = backend
        self._offer = offer
        self._router: Router | None = None  # made once `_offer` is known
        self._admission: Admission | None = None  # likewise
        self._peer = Peer(
            transport,
            admission=self._admit,
            error_from=to_rpc,
            inline={"initialize": self._initialize},
            preempt={"session/cancel": self._cancel, "mcp/message": self._take_mcp_message},
            tap=tap,
        )

    async def serve(self) -> None:
        """Serve until the client closes its end."""
        await self._peer.serve()

    def load(self) -> None:
        """Load the negotiated surface now rather than with the first request that needs it."""
        if self._offer is None or self._router is not None:
            return
        from acp_agent.surface.admission import admission  # lazy: jsonrpcserver, not before `initialize`
        from acp_agent.surface.v1.router import Router  # lazy: pydantic, likewise

        self._router = Router(self._backend, self._peer, self._offer)
        self._admission = admission(self._router.handlers())

    def _initialize(self, params: JsonValue) -> JsonValue:
        if self._offer is not None:
            raise invalid_request("`initialize` was already answered on this connection")
        result, self._offer = initialize(params)
        return result

    def _admit(self, method: str, params: JsonValue) -> Handler:
        self.load()
        if self._admission is None:
            raise invalid_request("`initialize` must come first")
        return self._admission(method, params)

    def _cancel(self, params: JsonValue) -> None:
        if self._router is not None:
            self._router.cancel(params)

    def _take_mcp_message(self, params: JsonValue) -> None:
        if self._router is not None:
            self._router.take_mcp_message(params)
