"""Journals that live as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import anyio.lowlevel
import msgspec

from acp_agent import ports
from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.errors import StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model.events import Event
from acp_agent.model.session import SessionRecord
from acp_agent.stores.blobs import blob_name, checked_blob
from acp_agent.stores.cursor import Position, decode_cursor, encode_cursor, microseconds
from acp_agent.stores.said import look_through, words


class _Journal:
    """Events, those of a fork behind the first `n_inherited` of another journal, which may go on growing."""

    def __init__(self, parent: _Journal | None = None, n_inherited: int = 0) -> None:
        self._parent = parent
        self._n_inherited = n_inherited
        self._own: list[Event] = []
        self.blobs: dict[str, bytes] = {} if parent is None else dict(parent.blobs)

    def __len__(self) -> int:
        return self._n_inherited + len(self._own)

    def extend(self, events: Sequence[Event]) -> None:
        self._own.extend(events)

    def events(self, start: int, stop: int) -> Iterator[Event]:
        if self._parent is not None and start < self._n_inherited:
            yield from self._parent.events(start, min(stop, self._n_inherited))
        yield from islice(self._own, max(0, start - self._n_inherited), max(0, stop - self._n_inherited))

    def origin(self, n_events: int) -> tuple[_Journal, int]:
        """What a fork of the first `n_events` refers to; never a journal of which it needs nothing."""
        journal = self
        while journal._parent is not None and n_events <= journal._n_inherited:
            journal = journal._parent
        return journal, n_events


class MemoryStore:
    """A store without files, for tests, embedding, and as a stand-in when nothing can be written."""

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        # Both always have the same keys, and a record's `n_events` is the length of its journal.
        self._records: dict[SessionId, SessionRecord] = {}
        self._journals: dict[SessionId, _Journal] = {}

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        self._add(record, _Journal())

    async def fork(self, record: SessionRecord, source: SessionId, n_events: int) -> None:
        """Add a session whose journal begins with the first `n_events` events of `source`."""
        journal = self._journal(source)
        if not 0 <= n_events <= len(journal):
            raise StoreError(f"session `{source}` has {len(journal)} events, not {n_events}")
        origin, n_inherited = journal.origin(n_events)
        forked = _Journal(origin, n_inherited)
        forked.blobs.update(journal.blobs)
        self._add(record, forked)

    async def claim(self, session_id: SessionId) -> None:
        """Return at once: no other process sees this store."""

    async def release(self, session_id: SessionId) -> None:
        """Return at once, as `claim` does."""

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

    async def read(self, session_id: SessionId, *, start: int = 0) -> AsyncIterator[Event]:
        """The events from number `start` on; none for an unknown session."""
        journal = self._journals.get(session_id)
        if journal is not None:
            for event in journal.events(max(0, start), len(journal)):
                yield event

    async def list(
        self, *, cwd: str | None, cursor: str | None, limit: int, archived: bool | None = False
    ) -> ports.SessionPage:
        """Sessions with events, last changed first.

        Raises:
            InvalidChoice: the cursor is none of ours.
        """
        after = None if cursor is None else decode_cursor(cursor)
        found = [
            record
            for record in sorted(self._records.values(), key=_position, reverse=True)
            if record.n_events
            and archived in (None, record.archived)
            and (cwd is None or record.cwd == cwd)
            and (after is None or _position(record) < after)
        ]
        shown = tuple(found[:limit])
        more = len(found) > len(shown) > 0
        return ports.SessionPage(shown, encode_cursor(_position(shown[-1])) if more else None)

    async def search(self, query: str, *, cwd: str | None, limit: int) -> tuple[ports.SearchHit, ...]:
        """Sessions that have all words of `query`, last changed first."""
        wanted = words(query)
        hits: list[ports.SearchHit] = []
        for record in sorted(self._records.values(), key=_position, reverse=True):
            if not wanted or len(hits) >= limit:
                break
            if not record.n_events or cwd not in (None, record.cwd):
                continue
            excerpt = await look_through(record.title, self.read(record.id), wanted)
            if excerpt is not None:
                hits.append(ports.SearchHit(record, excerpt))
            await anyio.lowlevel.checkpoint()
        return tuple(hits)

    async def put_blob(self, session_id: SessionId, data: bytes) -> str:
        """Keep bytes as long as the session or a fork of it."""
        blob_id = blob_name(data)
        self._journal(session_id).blobs[blob_id] = data
        return blob_id

    async def get_blob(self, session_id: SessionId, blob_id: str) -> bytes:
        """The bytes that `put_blob` named for this session or the one it was forked from."""
        return checked_blob(session_id, blob_id, self._journal(session_id).blobs.get(blob_id))

    async def delete(self, session_id: SessionId) -> bool:
        """Forget the session; False if there was none."""
        self._journals.pop(session_id, None)
        return self._records.pop(session_id, None) is not None

    async def collect_garbage(self) -> ports.Freed:
        """Return at once: what nobody refers to is gone already."""
        return ports.Freed()

    async def aclose(self) -> None:
        """Return at once: there is nothing to close."""

    def _add(self, record: SessionRecord, journal: _Journal) -> None:
        if record.id in self._records:
            raise StoreError(f"session `{record.id}` exists already")
        self._records[record.id] = msgspec.structs.replace(record, n_events=len(journal))
        self._journals[record.id] = journal

    def _journal(self, session_id: SessionId) -> _Journal:
        journal = self._journals.get(session_id)
        if journal is None:
            raise StoreError(f"no session `{session_id}` in the store")
        return journal


def _position(record: SessionRecord) -> Position:
    return microseconds(record.updated_at), record.id


if TYPE_CHECKING:
    _: type[ports.SessionStore] = MemoryStore
