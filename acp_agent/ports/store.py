"""Where journals live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from acp_agent.base.ids import SessionId
from acp_agent.model.events import Event
from acp_agent.model.session import SessionRecord


class SessionPage(msgspec.Struct, frozen=True):
    """Part of a list, newest first; `next_cursor` is None on the last page."""

    sessions: tuple[SessionRecord, ...]
    next_cursor: str | None


class SearchHit(msgspec.Struct, frozen=True):
    """A session that has all words searched for; `excerpt` is text around one of them, in one line."""

    session: SessionRecord
    excerpt: str


class Freed(msgspec.Struct, frozen=True):
    """What a store no longer keeps, because no session needs it."""

    n_events: int = 0
    n_blobs: int = 0
    n_files: int = 0


class SessionStore(Protocol):
    """Durable journals and their records. Errors of every implementation are `StoreError`s.

    Whoever goes on with a session claims it first; then nobody else can write it. What is written without a
    claim raises `SessionInUse` while another process holds the session. Reading, listing, searching and
    forking need none.
    """

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        ...

    async def fork(self, record: SessionRecord, source: SessionId, n_events: int) -> None:
        """Add a session whose journal begins with the first `n_events` events of `source`.

        They are referred to, not copied, and stay when `source` is deleted. So do the blobs of `source`.

        Raises:
            StoreError: `record.id` exists already, or `source` does not or has fewer events.
        """
        ...

    async def claim(self, session_id: SessionId) -> None:
        """Become the only process that writes the session, until `release`, `aclose` or this process's end.

        The session need not exist yet. Claiming again what this store holds does nothing.

        Raises:
            SessionInUse: another process holds it.
        """
        ...

    async def release(self, session_id: SessionId) -> None:
        """Let others write the session; does nothing for one that is not held."""
        ...

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        """The session's record, or None."""
        ...

    async def update(self, record: SessionRecord) -> None:
        """Replace the session's record (its `n_events` is the store's own)."""
        ...

    async def append(self, session_id: SessionId, events: Sequence[Event]) -> None:
        """Add events at the end, all or none; safe against the process's death on return."""
        ...

    async def sync(self, session_id: SessionId) -> None:
        """Make everything appended safe against the machine's death too."""
        ...

    def read(self, session_id: SessionId, *, start: int = 0) -> AsyncIterator[Event]:
        """The events from number `start` on, in order, a part at a time."""
        ...

    async def list(
        self, *, cwd: str | None, cursor: str | None, limit: int, archived: bool | None = False
    ) -> SessionPage:
        """Sessions with at least one event, last changed first: those put away, all others, or (None) both.

        Raises:
            InvalidChoice: the cursor is none of ours.
        """
        ...

    async def search(self, query: str, *, cwd: str | None, limit: int) -> tuple[SearchHit, ...]:
        """Sessions whose title, prompts and answers together have a word beginning with each word of `query`.

        Case and accents make no difference, and neither does anything but letters and digits. Last changed
        first, archived ones too. A query without words finds nothing.
        """
        ...

    async def put_blob(self, session_id: SessionId, data: bytes) -> str:
        """Keep bytes as long as the session or a fork of it; the SHA-256 that names them from now on."""
        ...

    async def get_blob(self, session_id: SessionId, blob_id: str) -> bytes:
        """The bytes that `put_blob` named for this session or the one it was forked from.

        Raises:
            StoreError: there are none, or they are damaged.
        """
        ...

    async def delete(self, session_id: SessionId) -> bool:
        """Forget the session; False if there was none.

        Raises:
            SessionInUse: another process holds it.
        """
        ...

    async def collect_garbage(self) -> Freed:
        """Drop what no session needs: journals only deleted forks referred to, blobs, left-over files."""
        ...

    async def aclose(self) -> None:
        """Close files."""
        ...
