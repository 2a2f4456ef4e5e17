"""Forks: what of one session's journal another one begins with."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from acp_agent.base.errors import InvalidChoice, SessionNotFound
from acp_agent.base.ids import MessageId, SessionId
from acp_agent.model import events
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore

if TYPE_CHECKING:
    from acp_agent.engine.session import Session

SHOWN_CHOICES = 10

_BETWEEN = (
    events.ThoughtEnded,
    events.CallShown,
    events.StepEnded,
    events.UsageChanged,
    events.PlanChanged,
    events.PlanningTold,
    events.Noticed,
)
"""What may stand between a message and the end of its turn without being an answer to it."""


class Source(msgspec.Struct, frozen=True):
    """A session to be forked; `live` if it is, and it stays what it is."""

    id: SessionId
    live: Session | None
    store: SessionStore

    async def fork(self, session_id: SessionId, now: datetime, *, at: MessageId | None) -> SessionRecord:
        """The record of the new session, which the store has, unless it begins with no event at all.

        Raises:
            SessionNotFound: nobody has heard of the source.
            InvalidChoice: it has no such message.
            StoreError: the store cannot be read or written.
        """
        async with AsyncExitStack() as still:
            if self.live is not None:
                await still.enter_async_context(self.live.journal.hold())
            stored = await self.store.get(self.id)
            source = stored if self.live is None else self.live.record
            if source is None:
                raise SessionNotFound(self.id)
            n_events = 0 if stored is None else stored.n_events
            if at is not None:
                n_events = await events_up_to(self.store.read(self.id), at)
            record = msgspec.structs.replace(
                source,
                id=session_id,
                created_at=now,
                updated_at=now,
                archived=False,
                parent=self.id,
                n_events=n_events,
            )
            if n_events:
                await self.store.fork(record, self.id, n_events)
            return record


async def events_up_to(journal: AsyncIterable[events.Event], message_id: MessageId) -> int:
    """How many events of the journal a fork at this message begins with.

    A message of the model is kept, and its turn's end with it if it was the last of the turn. One of the user
    is left out with all that follows, so that something else can be said in its place.

    Raises:
        InvalidChoice: there is no such message; names the latest that can be chosen.
    """
    known: dict[str, None] = {}
    began = number = 0
    opening = False  # between the start of a turn and what the user said first in it
    end: int | None = None
    async for event in journal:
        match event:
            case events.TurnStarted():
                began, opening = number, True
            case events.UserSaid(said_id) | events.CommandGiven(said_id):
                if said_id == message_id:
                    return began if opening else number
                known[said_id] = None
                opening = False
            case events.TextChunk(said_id) | events.ThoughtChunk(said_id) | events.CommandAnswered(said_id):
                known[said_id] = None
                if said_id == message_id:
                    end = number + 1
            case _:
                pass
        number += 1
        if end is not None and end < number:
            if isinstance(event, events.TurnEnded):
                return number
            if not isinstance(event, _BETWEEN):
                return end
    if end is None:
        raise InvalidChoice("message", message_id, tuple(known)[-SHOWN_CHOICES:])
    return end
