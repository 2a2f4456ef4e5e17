"""Questions to the client's user: a form, a page to open, or choices as permission is asked for.

What the client offered decides. Nothing here waits without somebody who can answer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import question as asking
from acp_agent.ports import Asker
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.peer import Peer
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.choosing import choices_of
from acp_agent.surface.v1.forms import requested_schema, values_in
from acp_agent.surface.v1.tracing import in_trace

logger = logging.getLogger(__name__)


class ClientAsker:
    """Asks with `elicitation/create`, or with `session/request_permission` what fits into choices."""

    def __init__(self, peer: Peer, offer: ClientOffer) -> None:
        self._peer = peer
        self._offer = offer
        self._visits: set[str] = set()  # that the user agreed to and that are not complete yet

    async def ask(
        self, session_id: SessionId, call_id: ToolCallId | None, question: asking.Question
    ) -> asking.Answer:
        """The user's answer; `Unavailable` if the client cannot put the question, or is gone."""
        scope: JsonObject = {"sessionId": session_id}
        if call_id is not None:
            scope["toolCallId"] = call_id
        try:
            match question:
                case asking.Form() if self._offer.forms:
                    return await self._fill_in(question, scope)
                case asking.Form() if call_id is not None:
                    return await self._choose(question, session_id, call_id)
                case asking.Visit() if self._offer.visits:
                    return await self._visit(question, scope)
                case asking.Visit():
                    return _no_pages(question)
                case asking.Form():
                    return asking.NOBODY_TO_ASK
        except ConnectionLost:
            return asking.Unavailable("The user's client is gone, so nobody can be asked.")
        except RpcError as exc:
            logger.warning("the client refused a question: %s", exc)
            return asking.NOBODY_TO_ASK

    def visited(self, visit_id: str) -> None:
        """Tell the client with `elicitation/complete`, if its user was sent there."""
        if visit_id in self._visits:
            self._visits.discard(visit_id)
            self._peer.notify("elicitation/complete", {"elicitationId": visit_id})

    async def _fill_in(self, form: asking.Form, scope: JsonObject) -> asking.Answer:
        answer = await self._peer.request(
            "elicitation/create",
            in_trace(
                {
                    "mode": "form",
                    **scope,
                    "message": form.message,
                    "requestedSchema": requested_schema(form),
                }
            ),
        )
        return _read(answer)

    async def _visit(self, visit: asking.Visit, scope: JsonObject) -> asking.Answer:
        # Known before the answer: a page can be complete before the client says that it was opened.
        self._visits.add(visit.id)
        agreed = False
        try:
            answer = _read(
                await self._peer.request(
                    "elicitation/create",
                    in_trace(
                        {
                            "mode": "url",
                            **scope,
                            "message": visit.message,
                            "url": visit.url,
                            "elicitationId": visit.id,
                        }
                    ),
                )
            )
            agreed = isinstance(answer, asking.Accepted)
        finally:
            if not agreed:
                self._visits.discard(visit.id)
        return asking.Accepted() if agreed else answer

    async def _choose(self, form: asking.Form, session_id: SessionId, call_id: ToolCallId) -> asking.Answer:
        """One question of permission after another, for forms that are nothing but choices."""
        steps = choices_of(form)
        if steps is None:
            return asking.NOBODY_TO_ASK
        values: dict[str, asking.FieldValue] = {}
        for step in steps:
            answer = await self._peer.request(
                "session/request_permission", in_trace(step.params(session_id, call_id))
            )
            chosen = step.read(answer)
            if not isinstance(chosen, asking.Accepted):
                return chosen
            values.update(chosen.values)
        return asking.Accepted(values)


def _read(answer: JsonValue) -> asking.Answer:
    fields = answer if isinstance(answer, dict) else {}
    match fields.get("action"):
        case "accept":
            return asking.Accepted(values_in(fields.get("content")))
        case "decline":
            return asking.Declined()
        case "cancel":
            return asking.Dismissed()
        case unknown:
            logger.warning("the client answered a question with the unknown action %.40r", unknown)
            return asking.Dismissed()


def _no_pages(visit: asking.Visit) -> asking.Unavailable:
    return asking.Unavailable(
        f"The user's client opens no pages. Tell the user in your reply to open {visit.url} themselves, and "
        "end the turn."
    )


if TYPE_CHECKING:
    _: type[Asker] = ClientAsker
