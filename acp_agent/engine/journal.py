"""One session's ordered events: written, then published. The only way out of a session.

`record` is for facts: stored before anyone sees them. `say` is for streams (text, thought, progress of a
running call) and for what would only be worked out again: published at once and stored joined with what
follows, at the latest `FLUSH_AFTER` seconds later.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeAlias

import anyio
import msgspec
from msgspec import UNSET

from acp_agent.base.errors import StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model import events
from acp_agent.model.session import SessionRecord
from acp_agent.model.toolcall import ToolCallPatch

logger = logging.getLogger(__name__)

_Said: TypeAlias = events.CallShown | events.Instructed | events.NoteAdded | events.Noticed
_Chunk: TypeAlias = events.TextChunk | events.ThoughtChunk | events.SummaryChunk

FLUSH_AFTER = 0.25
"""Seconds of an unfinished message that a killed process may lose."""

WRITE_TIME = 5.0
"""Seconds the store may take for one append before that counts as a failure."""


class JournalStore(Protocol):
    """Where a journal is kept: what it needs of a `SessionStore`."""

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        ...

    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None:
        """Add events at the end, all or none."""
        ...

    async def sync(self, session_id: SessionId) -> None:
        """Make everything appended safe against the machine's death."""
        ...


class Journal:
    """Appends to a store, feeds the session's folds, publishes to one listener.

    Nothing is stored before `begin`: a session nobody spoke in leaves no trace. A store
    that fails is told once through the journal itself; its events are kept and written with the next ones,
    so that nothing is lost while the process lives.
    """

    def __init__(
        self,
        store: JournalStore,
        session_id: SessionId,
        *,
        fold: Callable[[events.Event], None],
        publish: Callable[[events.Event], None],
    ) -> None:
        self._store = store
        self._session_id = session_id
        self._fold = fold
        self._publish = publish
        self._record: SessionRecord | None = None  # what the store must create before the first append
        self._begun = False
        self._unstored: list[events.Event] = []
        self._stream: list[str] = []  # text said after `_stream_head`, to be joined with it
        self._stream_head: _Chunk | None = None
        self._order = anyio.Lock(fast_acquire=True)  # one writer at a time, in order of arrival
        self._said = anyio.Event()  # something waits for `flush_regularly`
        self._held: list[events.Event] | None = None  # published later, while `hold` lasts
        self._failing = False

    def begin(self, record: SessionRecord | None) -> None:
        """Store from now on; `record` is created first, None if the store has the session."""
        if not self._begun:
            self._begun = True
            self._record = record

    @property
    def is_behind(self) -> bool:
        """Whether the store did not take the last events; they are written with the next ones."""
        return self._failing

    @property
    def has_record(self) -> bool:
        """Whether the store knows the session."""
        return self._begun and self._record is None

    async def record(self, *recorded: events.Event) -> None:
        """Store these events, all or none, then publish them."""
        async with self._order:
            self._end_stream()
            self._unstored.extend(recorded)
            await self._write()
            for event in recorded:
                self._fold(event)
                self._tell(event)

    def say(self, event: _Chunk | _Said) -> None:
        """Publish now, store soon."""
        if isinstance(event, _Chunk):
            head = self._stream_head
            if head is not None and type(head) is type(event) and _stream_of(head) == _stream_of(event):
                self._stream.append(event.text)
            else:
                self._end_stream()
                self._stream_head = event
        else:
            self._end_stream()
            if isinstance(event, events.CallShown):
                self._merge_progress(event)
            else:
                self._unstored.append(event)
        if not self._said.is_set():
            self._said.set()
        self._fold(event)
        self._tell(event)

    def announce(self, event: events.Event) -> None:
        """Publish without storing: for the one event that must get out when recording itself is broken."""
        self._fold(event)
        self._tell(event)

    async def flush(self) -> None:
        """Store everything said so far."""
        async with self._order:
            self._end_stream()
            await self._write()

    async def flush_regularly(self) -> None:
        """Store what was said within `FLUSH_AFTER` seconds, until cancelled."""
        while True:
            await self._said.wait()
            await anyio.sleep(FLUSH_AFTER)
            self._said = anyio.Event()
            await self.flush()

    async def sync(self) -> None:
        """Make everything recorded safe against the machine's death."""
        await self.flush()
        try:
            await self._store.sync(self._session_id)
        except StoreError as exc:
            self._note_failure(exc)

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[None, None]:
        """Keep the stored journal still, and publish nothing, while a reader replays it."""
        async with self._order:
            self._end_stream()
            await self._write()
            self._held = []
            try:
                yield
            finally:
                held, self._held = self._held, None
                for event in held:
                    self._tell(event)

    async def _write(self) -> None:
        if not self._unstored or not self._begun:
            return
        batch, self._unstored = self._unstored, []  # more may be said while the store is busy
        try:
            # Half an append would be repeated by the next one.
            with anyio.move_on_after(WRITE_TIME, shield=True) as limit:
                if self._record is not None:
                    await self._store.create(self._record)
                    self._record = None
                await self._store.append(self._session_id, batch)
                batch = []
            if limit.cancelled_caught:
                raise StoreError(f"the store did not answer within {WRITE_TIME:.0f} s")
        except StoreError as exc:
            self._note_failure(exc)
            return
        finally:
            self._unstored[:0] = batch
        if self._failing:
            self._failing = False
            self._tell(events.Noticed("info", "The session is being saved again"))

    def _note_failure(self, exc: StoreError) -> None:
        if self._failing:
            return
        self._failing = True
        logger.error("session %s cannot be saved: %s", self._session_id, exc)
        self._tell(
            events.Noticed(
                "warning",
                "The session cannot be saved at the moment",
                f"{exc}. Work goes on; what happens now is kept in memory and saved once that works again.",
            )
        )

    def _tell(self, event: events.Event) -> None:
        if self._held is not None:
            self._held.append(event)
        else:
            self._publish(event)

    def _end_stream(self) -> None:
        if self._stream_head is not None:
            text = self._stream_head.text + "".join(self._stream)
            self._unstored.append(msgspec.structs.replace(self._stream_head, text=text))
            self._stream_head, self._stream = None, []

    def _merge_progress(self, shown: events.CallShown) -> None:
        last = self._unstored[-1] if self._unstored else None
        if isinstance(last, events.CallShown) and last.call_id == shown.call_id:
            self._unstored[-1] = events.CallShown(shown.call_id, merge_patches(last.patch, shown.patch))
        else:
            self._unstored.append(shown)


def _stream_of(chunk: _Chunk) -> str:
    return chunk.compaction_id if isinstance(chunk, events.SummaryChunk) else chunk.message_id


def merge_patches(earlier: ToolCallPatch, later: ToolCallPatch) -> ToolCallPatch:
    """One patch with the effect of both in order."""
    changes = {
        field: value for field in later.__struct_fields__ if (value := getattr(later, field)) is not UNSET
    }
    return msgspec.structs.replace(earlier, **changes)
