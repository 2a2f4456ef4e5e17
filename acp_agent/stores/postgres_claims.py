"""Which process writes a session in PostgreSQL: whoever holds its lock, and has counted up its epoch.

The lock belongs to a connection, so the server frees it when its process dies. Should the connection break
while the process lives, another one may take the session over; the epoch then keeps the first from writing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio

from acp_agent.base.errors import SessionInUse, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.stores.postgres_link import Link

if TYPE_CHECKING:
    from psycopg import Connection

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds to wait for a lock to be given or refused."""

_T = TypeVar("_T")


class Claim:
    """A session that is held.

    Changed by whoever waits for a call, never by the call itself: what became of one that was cut off is not
    known before the next one asks.

    Attributes:
        epoch: what it must still have when it is written; None while it is not stored.
        n_events: events stored, as far as is known.
        is_in_doubt: nobody knows whether the last append was stored.
        is_creating: nobody knows whether the session was stored.
    """

    def __init__(self, epoch: int | None, n_events: int, *, is_in_doubt: bool = False) -> None:
        self.epoch = epoch
        self.n_events = n_events
        self.is_in_doubt = is_in_doubt
        self.is_creating = False


class Claims:
    """The sessions one store holds."""

    def __init__(self, url: str, prepare: Callable[[Connection], None]) -> None:
        self._prepare = prepare
        self._link = Link(url, self._lock_again)
        self._held: dict[SessionId, Claim] = {}

    def holds(self, session_id: SessionId) -> bool:
        """Whether the session was claimed here."""
        return session_id in self._held

    @asynccontextmanager
    async def held(self, session_id: SessionId) -> AsyncGenerator[Claim]:
        """Hold the session inside, and afterwards if it was held before.

        Raises:
            SessionInUse: somebody else holds it.
        """
        was_held = session_id in self._held
        await self.claim(session_id)
        try:
            yield self._held[session_id]
        finally:
            if not was_held:
                await self.release(session_id)

    async def claim(self, session_id: SessionId) -> None:
        """Lock the session and count up its epoch.

        Raises:
            SessionInUse: somebody else holds it.
        """
        if session_id not in self._held:
            self._held[session_id] = await self._run(lambda db: _claim(db, session_id))

    async def release(self, session_id: SessionId) -> None:
        """Unlock the session, if it is held."""
        if session_id in self._held:
            del self._held[session_id]
            await self._run(lambda db: _unlock(db, session_id))

    async def aclose(self) -> None:
        """Unlock everything, so that nobody waits until the server notices that the connection is gone."""
        held, self._held = self._held, {}
        try:
            if held:
                await self._run(lambda db: db.execute("SELECT pg_advisory_unlock_all()"))
        except StoreError as exc:
            logger.warning("sessions could not be given back before their connection was closed: %s", exc)
        finally:
            await self._link.aclose()

    async def _run(self, work: Callable[[Connection], _T]) -> _T:
        # A call that is cancelled costs its connection, and with it the locks of every session.
        try:
            with anyio.fail_after(PATIENCE, shield=True):
                return await self._link.run(work)
        except TimeoutError as exc:
            raise StoreError(f"the session store did not answer within {PATIENCE:.0f} s") from exc

    def _lock_again(self, db: Connection) -> None:
        self._prepare(db)
        # Whether somebody else had one meanwhile shows when it is written: its epoch is another one then.
        for session_id in list(self._held):
            _lock(db, session_id)


def holder_name() -> str:
    """This process, for people."""
    return f"process {os.getpid()} on `{platform.node()}`"


def _claim(db: Connection, session_id: SessionId) -> Claim:
    stored_id = session_id.encode()
    if not _lock(db, session_id):
        row = db.execute(
            "SELECT holder FROM acp_sessions WHERE sha256(id) = sha256(%s)", (stored_id,)
        ).fetchone()
        raise SessionInUse(session_id, "" if row is None else row[0])
    row = db.execute(
        "UPDATE acp_sessions SET epoch = epoch + 1, holder = %s WHERE sha256(id) = sha256(%s)"
        " RETURNING epoch, n_events",
        (holder_name(), stored_id),
    ).fetchone()
    return Claim(None, 0) if row is None else Claim(*row)


def _lock(db: Connection, session_id: SessionId) -> bool:
    return db.execute("SELECT pg_try_advisory_lock(%s)", (_key(db, session_id),)).fetchone() == (True,)


def _unlock(db: Connection, session_id: SessionId) -> None:
    db.execute("SELECT pg_advisory_unlock(%s)", (_key(db, session_id),))


def _key(db: Connection, session_id: SessionId) -> int:
    """A number for the session among all that may be locked in this database."""
    row = db.execute("SELECT current_schema()").fetchone()
    name = f"acp-agent {row and row[0]} {session_id}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True)
