"""Sessions as they lie in the store: looked at, named, put away and taken out again without opening them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import anyio
import msgspec

from acp_agent.base.clock import Clock
from acp_agent.base.errors import SessionNotFound
from acp_agent.base.ids import SessionId
from acp_agent.engine.session import Session
from acp_agent.model import events
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore

SessionStatus: TypeAlias = Literal["open", "saved"]


class Shelf:
    """The sessions of `store`, some of which are `live`. `opening` is held while one is being opened."""

    def __init__(
        self, store: SessionStore, clock: Clock, live: Mapping[SessionId, Session], opening: anyio.Lock
    ) -> None:
        self._store = store
        self._clock = clock
        self._live = live
        self._opening = opening

    async def status(self, session_id: SessionId) -> SessionStatus:
        """Whether the session is live or only stored; changes nothing.

        Raises:
            SessionNotFound: nobody has heard of it.
        """
        live = self._live.get(session_id)
        if live is not None and not live.is_closed:
            return "open"
        await self._stored(session_id)
        return "saved"

    async def set_title(self, session_id: SessionId, title: str) -> None:
        """Name the session for good; returns when that is stored.

        Raises:
            SessionNotFound: nobody has heard of it.
            StoreError: it could not be stored, for example because another process works in the session.
        """
        async with self._opening:
            named = events.TitleChanged(title, self._clock())
            live = await self._open_one(session_id)
            if live is not None:
                live.journal.begin(live.record)
                await live.journal.record(named)
                await live.save_record()
                await live.journal.sync()
                return
            record = await self._stored(session_id)
            await self._put(msgspec.structs.replace(record, title=title, updated_at=named.at), named)

    async def archive(self, session_id: SessionId) -> None:
        """End the session if it is live, and put it away; one that nobody spoke in leaves nothing.

        Raises:
            SessionNotFound: nobody has heard of it.
            StoreError: it could not be stored.
        """
        async with self._opening:
            live = self._live.get(session_id)
            if live is not None:
                await live.close()
                if not live.journal.has_record:
                    return
            await self._put(msgspec.structs.replace(await self._stored(session_id), archived=True))

    async def unarchive(self, session_id: SessionId) -> None:
        """Take the session out again; it is not opened.

        Raises:
            SessionNotFound: nobody has heard of it.
            StoreError: it could not be stored.
        """
        async with self._opening:
            live = await self._open_one(session_id)
            if live is not None:
                live.archived = False
                await live.save_record()
            else:
                await self._put(msgspec.structs.replace(await self._stored(session_id), archived=False))

    async def _open_one(self, session_id: SessionId) -> Session | None:
        """The live session; one that is ending is waited for, and is only stored from then on."""
        live = self._live.get(session_id)
        if live is not None and live.is_closed:
            await live.close()
            return None
        return live

    async def _stored(self, session_id: SessionId) -> SessionRecord:
        record = await self._store.get(session_id)
        if record is None:
            raise SessionNotFound(session_id)
        return record

    async def _put(self, record: SessionRecord, *said: events.Event) -> None:
        await self._store.claim(record.id)
        try:
            if said:
                await self._store.append(record.id, said)
            await self._store.update(record)
            await self._store.sync(record.id)
        finally:
            await self._store.release(record.id)
