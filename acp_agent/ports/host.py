"""The side a session talks to."""

from __future__ import annotations

from typing import Protocol

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.model.events import Event
from acp_agent.model.permission import Decision, PermissionRequest
from acp_agent.model.question import Answer, Question


class Broker(Protocol):
    """Somebody who can be asked."""

    async def ask(self, request: PermissionRequest) -> Decision:
        """The answer; `dismissed` for anything that is not clearly one of the offered choices."""
        ...


class Asker(Protocol):
    """Somebody who can be asked for more than permission."""

    async def ask(self, session_id: SessionId, call_id: ToolCallId | None, question: Question) -> Answer:
        """What the user answered, as they gave it: values are not checked against the fields.

        The question belongs to a shown call if `call_id` names one. It is withdrawn when the caller is
        cancelled. Errors and a front end that is gone are `Unavailable`.
        """
        ...

    def visited(self, visit_id: str) -> None:
        """Take note that what a page was opened for is complete; returns at once."""
        ...


class Host(Protocol):
    """The side a session talks to: an editor's connection, or the program that embeds the agent."""

    @property
    def broker(self) -> Broker:
        """Who is asked for permission."""
        ...

    @property
    def asker(self) -> Asker:
        """Who is asked questions."""
        ...

    def publish(self, session_id: SessionId, event: Event) -> None:
        """Take an event of a session, in journal order; returns at once."""
        ...

    async def drain(self) -> None:
        """Wait while the other side reads more slowly than is published."""
        ...
