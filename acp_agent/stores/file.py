"""Sessions as files people can read: one JSON file each, and lines for what the running turn added."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
import msgspec

from acp_agent import ports
from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.errors import StoreCorrupt, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model.codec import decode_event, encode_event
from acp_agent.model.events import Event, TurnEnded
from acp_agent.model.session import SessionRecord
from acp_agent.stores.blobs import blob_name, checked_blob
from acp_agent.stores.claims import Claims
from acp_agent.stores.cursor import Position, decode_cursor, encode_cursor, microseconds
from acp_agent.stores.disk import Disk, map_errors
from acp_agent.stores.file_catalog import Catalog
from acp_agent.stores.file_format import FORMAT, Head, Link, document, new_segment
from acp_agent.stores.file_garbage import drop_leftovers, forget, sweep
from acp_agent.stores.file_reading import Places, journal, snapshot
from acp_agent.stores.file_writing import SessionFile
from acp_agent.stores.said import look_through, words

logger = logging.getLogger(__name__)

PAGE_ROWS = 500
"""Events that `read` holds in memory at a time, at most."""

PAGE_BYTES = 8 * 1024 * 1024
"""Size of these events from which `read` takes no more of them."""

_T = TypeVar("_T")


class FileStore:
    """A store in `directory`, which the first session makes.

    `<id>.json` is a session as of its last turn; what the running turn said since lies in lines beside it,
    so that a crash costs none of it. `sync` behind a turn's end puts them together. Appending runs on the
    calling thread and waits for no disk; everything else runs in worker threads.

    Every method raises `StoreError` when files cannot be used; the message says what to do.
    """

    def __init__(self, directory: Path, *, clock: Clock = utc_now, disk: Disk | None = None) -> None:
        self._places = Places(directory.absolute())
        self._clock = clock
        self._disk = disk or Disk()
        self._claims = Claims(self._places.claims)
        self._catalog = Catalog(self._places)
        self._looking = anyio.Lock(fast_acquire=True)  # one thread at a time in the catalog
        self._open: dict[SessionId, SessionFile] = {}  # of sessions claimed here
        self._orders: WeakValueDictionary[SessionId, anyio.Lock] = WeakValueDictionary()
        self._ended: set[SessionId] = set()  # whose last event ended a turn

    @property
    def directory(self) -> Path:
        """Where the files are, absolute."""
        return self._places.directory

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        head = Head(FORMAT, msgspec.structs.replace(record, n_events=0), new_segment())
        async with self._holding(record.id):
            await self._in_thread(lambda: self._write_new(head))

    async def fork(self, record: SessionRecord, source: SessionId, n_events: int) -> None:
        """Add a session whose journal begins with the first `n_events` events of `source`."""

        def made() -> None:
            # Nobody deletes the source before the fork can be seen to refer to it.
            with self._claims.everything():
                self._write_new(self._forked(record, source, n_events))

        async with self._holding(record.id):
            await self._in_thread(made)

    async def claim(self, session_id: SessionId) -> None:
        """Become the only process that writes the session."""
        self._claims.claim(session_id)

    async def release(self, session_id: SessionId) -> None:
        """Let others write the session; its lines are put into its JSON file."""
        if not self._claims.holds(session_id):
            return
        async with self._order(session_id):
            file = self._open.pop(session_id, None)
            if file is not None:
                await self._in_thread(lambda: _folded(file))
            self._claims.release(session_id)

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        """The session's record, or None."""

        def found() -> SessionRecord | None:
            with snapshot(self._places.whole(session_id)) as files:
                return None if files is None else files.record

        return await self._in_thread(found)

    async def update(self, record: SessionRecord) -> None:
        """Replace the session's record, all but `n_events`."""
        async with self._writing(record.id) as file:
            file.update(record)

    async def append(self, session_id: SessionId, events: Sequence[Event]) -> None:
        """Add events at the end and mark the session as changed now, all or nothing."""
        if not events:
            return
        bodies = [encode_event(event) for event in events]
        async with self._writing(session_id) as file:
            file.append(bodies, self._clock())
            if isinstance(events[-1], TurnEnded):
                self._ended.add(session_id)
            else:
                self._ended.discard(session_id)

    async def sync(self, session_id: SessionId) -> None:
        """Make everything appended survive a power loss."""
        turn_ended = session_id in self._ended
        async with self._writing(session_id) as file:
            await self._in_thread(lambda: file.sync(turn_ended=turn_ended))

    async def read(self, session_id: SessionId, *, start: int = 0) -> AsyncIterator[Event]:
        """The events from number `start` on, none for an unknown session.

        Damaged ones are left out with a warning.

        Raises:
            StoreCorrupt: not all events are there; those that are come first.
        """
        n_damaged = 0
        bodies = journal(self._places, self._places.whole(session_id), max(0, start))
        try:
            while page := await self._in_thread(lambda: _page(bodies)):
                for body in page:
                    try:
                        event = decode_event(body)
                    except StoreCorrupt as exc:
                        n_damaged += 1
                        if n_damaged == 1:
                            logger.warning(
                                "session `%s` has damaged events, which are left out; first: %s",
                                session_id,
                                exc,
                            )
                        continue
                    yield event
        finally:
            bodies.close()

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
            for record in await self._records(cwd)
            if archived in (None, record.archived) and (after is None or _position(record) < after)
        ]
        shown = tuple(found[:limit])
        more = len(found) > len(shown) > 0
        return ports.SessionPage(shown, encode_cursor(_position(shown[-1])) if more else None)

    async def search(self, query: str, *, cwd: str | None, limit: int) -> tuple[ports.SearchHit, ...]:
        """Sessions that have all words of `query`, last changed first; reads all of them."""
        wanted = words(query)
        hits: list[ports.SearchHit] = []
        for record in await self._records(cwd) if wanted else ():
            if len(hits) >= limit:
                break
            try:
                excerpt = await look_through(record.title, self.read(record.id), wanted)
            except StoreCorrupt as exc:
                logger.warning("session `%s` is left out of the search: %s", record.id, exc)
                continue
            if excerpt is not None:
                hits.append(ports.SearchHit(record, excerpt))
        return tuple(hits)

    async def put_blob(self, session_id: SessionId, data: bytes) -> str:
        """Keep bytes as long as the session or a fork of it."""
        blob_id = blob_name(data)
        path = self._places.blobs / blob_id

        def put(file: SessionFile) -> None:
            # Nobody drops the blob before the session can be seen to use it.
            with self._claims.everything():
                if not path.exists():
                    self._disk.make_directory(path.parent)
                    self._disk.write_whole(path, (data,))
                    self._disk.sync_directory(path.parent)
                file.use_blob(blob_id)

        async with self._writing(session_id) as file:
            await self._in_thread(lambda: put(file))
        return blob_id

    async def get_blob(self, session_id: SessionId, blob_id: str) -> bytes:
        """The bytes that `put_blob` named for this session or the one it was forked from."""

        def got() -> bytes | None:
            with snapshot(self._places.whole(session_id)) as files:
                if files is None or blob_id not in files.blobs:
                    return None
            try:
                return (self._places.blobs / blob_id).read_bytes()
            except FileNotFoundError:
                return None

        return checked_blob(session_id, blob_id, await self._in_thread(got))

    async def delete(self, session_id: SessionId) -> bool:
        """Forget the session and what only it needs; False if there was none."""

        def deleted() -> bool:
            path = self._places.whole(session_id)
            if not path.exists():
                return False
            with self._claims.everything():
                try:
                    file = self._open.pop(session_id, None) or SessionFile.load(path, self._disk)
                except StoreCorrupt:
                    self._disk.remove(path)
                    self._disk.remove(path.with_suffix(".jsonl"))
                else:
                    if file is not None:
                        forget(self._places, self._catalog, self._disk, path, file)
                sweep(self._places, self._catalog, self._disk)
            return True

        async with self._holding(session_id), self._looking:
            return await self._in_thread(deleted)

    async def collect_garbage(self) -> ports.Freed:
        """Drop segments and blobs that no session needs, and what writes that were cut off left behind."""

        def collected() -> ports.Freed:
            with self._claims.everything():
                freed = sweep(self._places, self._catalog, self._disk)
                n_files = drop_leftovers(self._places, self._claims, self._disk) + self._claims.sweep()
                return msgspec.structs.replace(freed, n_files=freed.n_files + n_files)

        async with self._looking:
            return await self._in_thread(collected)

    async def aclose(self) -> None:
        """Put all lines into their JSON files, and give back what was claimed."""
        for session_id in list(self._open):
            await self.release(session_id)
        self._claims.release_all()

    async def _records(self, cwd: str | None) -> list[SessionRecord]:
        """Records of sessions with events, last changed first."""

        def found() -> list[SessionRecord]:
            records = [listed.record for listed in self._catalog.sessions()]
            chosen = [record for record in records if record.n_events and cwd in (None, record.cwd)]
            return sorted(chosen, key=_position, reverse=True)

        async with self._looking:
            return await self._in_thread(found)

    def _write_new(self, head: Head) -> None:
        path = self._places.whole(head.session.id)
        if path.exists():
            raise StoreError(f"session `{head.session.id}` exists already")
        self._disk.make_directory(path.parent)
        self._disk.write_whole(path, document(head, ()))
        try:
            self._disk.sync_directory(path.parent)
        except OSError:
            path.unlink()  # or the next attempt would find it there
            raise

    def _forked(self, record: SessionRecord, source: SessionId, n_events: int) -> Head:
        with snapshot(self._places.whole(source)) as found:
            if found is None:
                raise StoreError(f"no session `{source}` in the store")
            n_there = found.record.n_events
            if not 0 <= n_events <= n_there:
                raise StoreError(f"session `{source}` has {n_there} events, not {n_events}")
            parent = Link(source, found.head.segment, n_events)
            if found.head.parent is not None and n_events <= found.head.parent.n_events:
                # Never linked to a file of which the fork needs nothing.
                parent = msgspec.structs.replace(found.head.parent, n_events=n_events)
            forked = msgspec.structs.replace(record, n_events=n_events)
            return Head(FORMAT, forked, new_segment(), parent if n_events else None, found.blobs)

    @asynccontextmanager
    async def _holding(self, session_id: SessionId) -> AsyncGenerator[None]:
        """Be the only one who writes the session inside, in this process and among all."""
        async with self._order(session_id):
            with map_errors(self.directory), self._claims.held(session_id):
                yield

    @asynccontextmanager
    async def _writing(self, session_id: SessionId) -> AsyncGenerator[SessionFile]:
        is_claimed = self._claims.holds(session_id)
        async with self._holding(session_id):
            file = self._open.get(session_id)
            if file is None:
                path = self._places.whole(session_id)
                file = await self._in_thread(lambda: SessionFile.load(path, self._disk))
            if file is None:
                raise StoreError(f"no session `{session_id}` in the store")
            if is_claimed:
                self._open[session_id] = file
            try:
                yield file
            finally:
                if not is_claimed:
                    file.close()

    def _order(self, session_id: SessionId) -> anyio.Lock:
        order = self._orders.get(session_id)
        if order is None:
            order = self._orders[session_id] = anyio.Lock(fast_acquire=True)
        return order

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        with map_errors(self.directory):
            return await anyio.to_thread.run_sync(work)


def _page(bodies: Iterator[bytes]) -> list[bytes]:
    page: list[bytes] = []
    size_bytes = 0
    for body in bodies:
        page.append(body)
        size_bytes += len(body)
        if len(page) >= PAGE_ROWS or size_bytes >= PAGE_BYTES:
            break
    return page


def _folded(file: SessionFile) -> None:
    file.try_fold()
    file.close()


def _position(record: SessionRecord) -> Position:
    return microseconds(record.updated_at), record.id


if TYPE_CHECKING:
    _: type[ports.SessionStore] = FileStore
