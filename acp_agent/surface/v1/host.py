"""A version 1 client as the host of its sessions: updates out, prompts answered, permission asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from acp_agent.base.ids import SessionId, TurnId
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.session import Session
from acp_agent.model import events
from acp_agent.ports import Host
from acp_agent.rpc.peer import Call, Peer
from acp_agent.surface.errors import turn_error
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1 import capabilities
from acp_agent.surface.v1.broker import ClientBroker
from acp_agent.surface.v1.options import config_options
from acp_agent.surface.v1.projector import Projector


class ClientHost:
    """Everything sessions tell this client passes through `publish`, in journal order.

    A prompt is answered in the same breath as its `TurnEnded` is published, so its answer follows the
    turn's last update and precedes the first of the next turn.
    """

    def __init__(self, peer: Peer, offer: ClientOffer) -> None:
        self._peer = peer
        self._offer = offer
        self._broker = ClientBroker(peer)
        self._projectors: dict[SessionId, Projector] = {}
        self._prompts: dict[TurnId, Call] = {}  # calls of session/prompt that wait for their turn's end

    @property
    def broker(self) -> ClientBroker:
        """The client's user."""
        return self._broker

    def attach(self, session: Session) -> None:
        """Tell the client about this session from now on, as to somebody who knows nothing of it."""
        self._projectors[session.id] = Projector(lambda: config_options(session), notices=self._offer.notices)

    def detach(self, session_id: SessionId) -> None:
        """Tell the client nothing more about this session."""
        self._projectors.pop(session_id, None)

    def answer_at_end(self, turn_id: TurnId, call: Call) -> None:
        """Answer this prompt when its turn ends."""
        self._prompts[turn_id] = call

    def publish(self, session_id: SessionId, event: events.Event) -> None:
        """Send the event's updates; answer the prompt whose turn it ends."""
        projector = self._projectors.get(session_id)
        if projector is not None:
            for update in projector.project(event):
                self._peer.notify("session/update", {"sessionId": session_id, "update": update})
        if isinstance(event, events.TurnEnded):
            call = self._prompts.pop(event.turn_id, None)
            if call is not None:
                self._answer(call, event)

    async def replay(self, session: Session, history: AsyncIterator[events.Event]) -> None:
        """Send stored events as updates, at the pace the client reads them."""
        projector = self._projectors[session.id]
        projector.replaying = True
        async for event in history:
            for update in projector.project(event):
                self._peer.notify("session/update", {"sessionId": session.id, "update": update})
            await self._peer.drain()
        projector.replaying = False

    async def drain(self) -> None:
        """Wait while the client reads too slowly."""
        await self._peer.drain()

    def _answer(self, call: Call, ended: events.TurnEnded) -> None:
        if ended.fault is not None:
            methods: list[JsonObject] = capabilities.auth_methods(terminal=self._offer.auth_terminal)
            call.fail(turn_error(ended.fault, methods))
        else:
            call.answer({"stopReason": ended.stop_reason})


if TYPE_CHECKING:
    _: type[Host] = ClientHost
