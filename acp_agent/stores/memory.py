"""Journals that live as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from acp_agent import ports
from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.errors import StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model.events import Event
from acp_agent.model.session import SessionRecord
from acp_agent.stores.cursor import Position, decode_cursor, encode_cursor, microseconds


class MemoryStore:
    """A store without files, for tests, embedding, and as a stand-in when nothing can be written."""

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        # Both always have the same keys, and a record's `n_events` is the length of its journal.
        self._records: dict[SessionId, SessionRecord] = {}
        self._journals: dict[SessionId, list[Event]] = {}

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        if record.id in self._records:
            raise StoreError(f"session `{record.id}` exists already")
        self._records[record.id] = msgspec.structs.replace(record, n_events=0)
        self._journals[record.id] = []

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        """The session's record, or None."""
        return self._records.get(session_id)

    async def update(self, record: SessionRecord) -> None:
        """Replace the session's record, all but `n_events`."""
        n_events = len(self._journal(record.id))
        self._records[record.id] = msgspec.structs.replace(record, n_events=n_events)

    async def append(self, session_id: SessionId, events: Sequence[Event]) -> None:
        """Add events at the end and mark the session as changed now."""
        if not events:
            return
        journal = self._journal(session_id)
        journal.extend(events)
        self._records[session_id] = msgspec.structs.replace(
            self._records[session_id], n_events=len(journal), updated_at=self._clock()
        )

    async def sync(self, session_id: SessionId) -> None:
        """Return at once: nothing here outlives the process."""

    async def read(self, session_id: SessionId) -> AsyncIterator[Event]:
        """All events in order; none for an unknown session."""
        for event in tuple(self._journals.get(session_id, ())):
            yield event

    async def list(self, *, cwd: str | None, cursor: str | None, limit: int) -> ports.SessionPage:
        """Sessions with events, last changed first.

        Raises:
            InvalidChoice: the cursor is none of ours.
        """
        after = None if cursor is None else decode_cursor(cursor)
        found = [
            record
            for record in sorted(self._records.values(), key=_position, reverse=True)
            if record.n_events
            and (cwd is None or record.cwd == cwd)
            and (after is None or _position(record) < after)
        ]
        shown = tuple(found[:limit])
        more = len(found) > len(shown) > 0
        return ports.SessionPage(shown, encode_cursor(_position(shown[-1])) if more else None)

    async def delete(self, session_id: SessionId) -> bool:
        """Forget the session; False if there was none."""
        self._journals.pop(session_id, None)
        return self._records.pop(session_id, None) is not None

    async def aclose(self) -> None:
        """Return at once: there is nothing to close."""

    def _journal(self, session_id: SessionId) -> list[Event]:
        journal = self._journals.get(session_id)
        if journal is None:
            raise StoreError(f"no session `{session_id}` in the store")
        return journal


def _position(record: SessionRecord) -> Position:
    return microseconds(record.updated_at), record.id


if TYPE_CHECKING:
    _: type[ports.SessionStore] = MemoryStore
