"""Who writes a session: this process claims it before it reads what it will go on with, and before it writes.

A store that cannot give a claim just now, such as one on a full disk, is still read; nothing is written
there before it could.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import anyio

from acp_agent.base.errors import FOREIGN_FAILURES, SessionInUse, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.engine.journal import JournalStore
from acp_agent.model import events
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore

logger = logging.getLogger(__name__)

RELEASE_TIME = 1.0
"""Seconds the store may take to give a session back; its process's end gives it back in any case."""


class ClaimedStore:
    """The store as one session writes it: claimed first, and whatever goes wrong there is a `StoreError`."""

    def __init__(self, store: SessionStore, session_id: SessionId) -> None:
        self._store = store
        self._session_id = session_id
        self._is_held = False

    async def create(self, record: SessionRecord) -> None:
        """Add the session without events.

        Raises:
            SessionInUse: another process writes it.
            StoreError: it cannot be written.
        """
        with _failures_told():
            await self._claim()
            await self._store.create(record)

    async def update(self, record: SessionRecord) -> None:
        """Replace the session's record; raises what `create` raises."""
        with _failures_told():
            await self._claim()
            await self._store.update(record)

    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None:
        """Add events at the end, all or none; raises what `create` raises."""
        with _failures_told():
            await self._claim()
            await self._store.append(session_id, events)

    async def sync(self, session_id: SessionId) -> None:
        """Make everything appended safe against the machine's death."""
        with _failures_told():
            await self._store.sync(session_id)

    async def keep(self, data: bytes) -> str:
        """Put bytes away with the session and name them; raises what `create` raises."""
        with _failures_told():
            await self._claim()
            return await self._store.put_blob(self._session_id, data)

    async def release(self) -> None:
        """Let other processes have the session, wherever it was claimed; failures are logged."""
        self._is_held = False
        await release(self._store, self._session_id)

    async def _claim(self) -> None:
        if not self._is_held:
            await self._store.claim(self._session_id)
            self._is_held = True


@asynccontextmanager
async def claimed(store: SessionStore, session_id: SessionId) -> AsyncGenerator[None]:
    """Hold the session inside, and from then on unless the block raises.

    Raises:
        SessionInUse: another process writes it.
    """
    try:
        with _failures_told():
            await store.claim(session_id)
    except SessionInUse:
        raise
    except StoreError as exc:
        logger.warning("session %s is opened though it cannot be claimed yet: %s", session_id, exc)
    try:
        yield
    except BaseException:
        await release(store, session_id)
        raise


async def release(store: SessionStore, session_id: SessionId) -> None:
    """Give the session back in bounded time; failures are logged."""
    with anyio.move_on_after(RELEASE_TIME, shield=True) as limit:
        try:
            with _failures_told():
                await store.release(session_id)
        except StoreError as exc:
            logger.warning("session %s could not be given back: %s", session_id, exc)
    if limit.cancelled_caught:
        logger.warning("session %s could not be given back within %.0f s", session_id, RELEASE_TIME)


@contextmanager
def _failures_told() -> Generator[None]:
    try:
        yield
    except StoreError:
        raise
    except FOREIGN_FAILURES as exc:  # a session goes on without its store, whatever is wrong with that
        logger.warning("the store failed", exc_info=True)
        raise StoreError(f"the store failed with `{type(exc).__name__}`") from exc


if TYPE_CHECKING:
    _: type[JournalStore] = ClaimedStore
