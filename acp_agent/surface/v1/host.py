"""A version 1 client as the host of its sessions: updates out, prompts answered, permission asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from acp_agent.base.ids import SessionId, TurnId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.session import Session
from acp_agent.model import events
from acp_agent.ports import Host
from acp_agent.rpc.peer import Call, Peer
from acp_agent.surface.errors import turn_error
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.asker import ClientAsker
from acp_agent.surface.v1.broker import ClientBroker
from acp_agent.surface.v1.options import config_options
from acp_agent.surface.v1.projector import Projector
from acp_agent.surface.v1.subagent_projection import Addressed
from acp_agent.surface.v1.turn_usage import TurnUsage


class ClientHost:
    """Everything sessions tell this client passes through `publish`, in journal order.

    A prompt is answered in the same breath as its `TurnEnded` is published, so its answer follows the
    turn's last update and precedes the first of the next turn.
    """

    def __init__(self, peer: Peer, offer: ClientOffer) -> None:
        self._peer = peer
        self._offer = offer
        self._broker = ClientBroker(peer, subagents=offer.subagents)
        self._asker = ClientAsker(peer, offer)
        self._projectors: dict[SessionId, Projector] = {}
        self._usage: dict[SessionId, TurnUsage] = {}  # of turns that are running
        # Calls of session/prompt that wait for their turn's end. A fork has the turn ids of its source.
        self._prompts: dict[tuple[SessionId, TurnId], Call] = {}

    @property
    def broker(self) -> ClientBroker:
        """The client's user."""
        return self._broker

    @property
    def asker(self) -> ClientAsker:
        """The same, for questions."""
        return self._asker

    def attach(self, session: Session) -> None:
        """Tell the client about this session from now on, as to somebody who knows nothing of it."""
        self._projectors[session.id] = Projector(
            lambda: self.options(session),
            notices=self._offer.notices,
            compactions=self._offer.compactions,
            plans=self._offer.plans,
            terminals_in=str(session.workspace.roots[0]) if self._offer.drawn_terminals else None,
            subagents_of=session.id if self._offer.subagents else None,
        )

    def options(self, session: Session) -> list[JsonValue]:
        """The session's config options in kinds that the client draws."""
        return config_options(session, switches=self._offer.boolean_options)

    def shows(self, session_id: SessionId) -> bool:
        """Whether the client is told about this session."""
        return session_id in self._projectors

    def detach(self, session_id: SessionId) -> None:
        """Tell the client nothing more about this session."""
        self._projectors.pop(session_id, None)

    def answer_at_end(self, session_id: SessionId, turn_id: TurnId, call: Call) -> None:
        """Answer this prompt when its turn ends."""
        self._prompts[session_id, turn_id] = call

    def publish(self, session_id: SessionId, event: events.Event) -> None:
        """Send the event's updates; answer the prompt whose turn it ends."""
        projector = self._projectors.get(session_id)
        if projector is not None:
            self._tell(session_id, projector.addressed(event))
        if isinstance(event, events.TurnStarted | events.StepEnded):
            self._usage.setdefault(session_id, TurnUsage()).apply(event)
        if isinstance(event, events.TurnEnded):
            usage = self._usage.pop(session_id, None)
            call = self._prompts.pop((session_id, event.turn_id), None)
            if call is not None:
                self._answer(call, event, usage.shown() if usage and self._offer.reads_drafts else None)

    async def replay(self, session: Session, history: AsyncIterator[events.Event]) -> None:
        """Send stored events as updates, at the pace the client reads them."""
        projector = self._projectors[session.id]
        projector.replaying = True
        try:
            async for event in history:
                self._tell(session.id, projector.addressed(event))
                await self._peer.drain()
        finally:
            projector.replaying = False

    async def drain(self) -> None:
        """Wait while the client reads too slowly."""
        await self._peer.drain()

    def _tell(self, session_id: SessionId, updates: list[Addressed]) -> None:
        for whose, update in updates:
            self._peer.notify("session/update", {"sessionId": whose or session_id, "update": update})

    def _answer(self, call: Call, ended: events.TurnEnded, usage: JsonObject | None) -> None:
        if ended.fault is not None:
            call.fail(turn_error(ended.fault, self._offer.auth_methods()))
        else:
            answer: JsonObject = {"stopReason": ended.stop_reason}
            call.answer(answer if usage is None else {**answer, "usage": usage})


if TYPE_CHECKING:
    _: type[Host] = ClientHost
