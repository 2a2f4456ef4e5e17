"""Where a session works and where it is saved: one of four ways.

nowhere            it works in memory; saving does nothing
as a whole         it works in memory; saving writes all of it to the program's store
event by event     it works in memory; saving appends what is new to a store of the engine
directly           it works in a store of the engine, which keeps every event as it happens
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeVar, cast

import msgspec

from acp_agent.base.errors import SessionInUse, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject, load
from acp_agent.engine.session import Session
from acp_agent.model.codec import decode_event, encode_event
from acp_agent.model.events import Event
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore as Journals
from acp_agent.sdk.embed.errors import PersistenceFailed, SessionNotFound
from acp_agent.sdk.embed.events.messages import Message
from acp_agent.sdk.embed.events.planning import may_plan, tasks_of
from acp_agent.sdk.embed.sessions.calling import called
from acp_agent.sdk.embed.stores.kept_blobs import DraftStore, blobs_of
from acp_agent.sdk.embed.stores.session_data import (
    FORMAT,
    ClaimingStore,
    SessionConfig,
    SessionData,
    SessionMessage,
    SessionStore,
)
from acp_agent.stores.memory import MemoryStore

T = TypeVar("T")


class Keeping(Protocol):
    """How one session is kept."""

    @property
    def journals(self) -> Journals:
        """The store the engine works with."""
        ...

    @property
    def saves_by_itself(self) -> bool:
        """Whether there is no need to save in the middle of a run."""
        ...

    async def find(self, session_id: SessionId) -> SessionRecord:
        """Bring a saved session to where the engine works.

        Raises:
            SessionNotFound: it was not saved here.
            PersistenceFailed: it cannot be read, or another process has it.
        """
        ...

    async def save(self, session: Session, tool_names: tuple[str, ...], history: list[Message]) -> None:
        """Save it.

        Raises:
            PersistenceFailed: it cannot be.
        """
        ...

    async def release(self, session_id: SessionId) -> None:
        """It is closed here."""
        ...


class KeptNowhere:
    """For a session that ends with its program."""

    saves_by_itself = True

    def __init__(self) -> None:
        self.journals: Journals = MemoryStore()

    async def find(self, session_id: SessionId) -> SessionRecord:
        """There is none."""
        raise SessionNotFound(session_id)

    async def save(self, session: Session, tool_names: tuple[str, ...], history: list[Message]) -> None:
        """Do nothing."""

    async def release(self, session_id: SessionId) -> None:
        """Do nothing."""


class KeptWhole:
    """In a store that takes whole sessions; nobody else writes them there, if the store can see to that."""

    saves_by_itself = False

    def __init__(self, store: SessionStore) -> None:
        self.journals: Journals = MemoryStore()
        self._store = store
        self._claimed = False

    async def find(self, session_id: SessionId) -> SessionRecord:
        """Load it into memory."""
        await self._claim(session_id)
        try:
            return await self._load(session_id)
        except BaseException:
            await self.release(session_id)
            raise

    async def _load(self, session_id: SessionId) -> SessionRecord:
        data = await called(self._store.load, session_id)
        if data is None:
            raise SessionNotFound(session_id)
        if not isinstance(data, SessionData):  # pyright: ignore[reportUnnecessaryIsInstance] # stores are programs' own
            raise PersistenceFailed(
                f"`load` of the session store returned `{type(data).__name__}`; it has to be a `SessionData`"
            )
        if data.format > FORMAT:
            raise PersistenceFailed(
                f"the saved session `{session_id}` has the format {data.format}, this version knows up to "
                f"{FORMAT}; upgrade acp-agent"
            )
        try:
            record = msgspec.convert(data.record, SessionRecord)
            events = [decode_event(msgspec.json.encode(event)) for event in data.journal]
        except (msgspec.ValidationError, StoreError) as exc:
            raise PersistenceFailed(f"the saved session `{session_id}` cannot be read: {exc}") from exc
        await _put(self.journals, record, events)
        for blob in data.blobs.values():
            await self.journals.put_blob(session_id, blob)
        return record

    async def save(self, session: Session, tool_names: tuple[str, ...], history: list[Message]) -> None:
        """Write all of it."""
        await self._claim(session.id)
        await session.journal.flush()
        record = session.record
        told = [event async for event in self.journals.read(session.id)]
        events = [cast("JsonObject", load(encode_event(event))) for event in told]
        stored = await self.journals.get(session.id)
        data = SessionData(
            id=record.id,
            messages=tuple(SessionMessage.of(message) for message in history),
            config=SessionConfig(
                workspace=record.cwd,
                system_prompt=session.answer_context().system(),
                planning_enabled=may_plan(record.labels),
                model=record.model,
            ),
            tasks=tuple(tasks_of(session.state.plan)),
            tool_names=tool_names,
            tenant_id=record.labels.get("tenant_id"),
            principal=record.labels.get("principal"),
            agent_template_id=record.labels.get("agent_template_id"),
            correlation_id=record.labels.get("correlation_id"),
            created_at=record.created_at,
            updated_at=record.updated_at,
            record=msgspec.to_builtins(record if stored is None else _counted(record, stored.n_events)),
            journal=tuple(events),
            blobs=await blobs_of(told, self.journals, session.id),
        )
        await called(self._store.save, data)

    async def release(self, session_id: SessionId) -> None:
        """Let others have it."""
        if self._claimed and isinstance(self._store, ClaimingStore):
            self._claimed = False
            await called(self._store.release, session_id)

    async def _claim(self, session_id: SessionId) -> None:
        if not self._claimed and isinstance(self._store, ClaimingStore):
            await called(self._store.claim, session_id)
            self._claimed = True


class KeptByEvent:
    """In a store of the engine, when the program says so."""

    saves_by_itself = False

    def __init__(self, target: Journals) -> None:
        self.journals: Journals = DraftStore(target)
        self._target = target
        self._n_saved = 0
        self._claimed = False

    async def find(self, session_id: SessionId) -> SessionRecord:
        """Copy it into memory."""
        await self._claim(session_id)
        record = await _guarded(self._target.get(session_id))
        if record is None:
            await self.release(session_id)
            raise SessionNotFound(session_id)
        events = [event async for event in self._target.read(session_id)]
        self._n_saved = len(events)
        await _put(self.journals, record, events)
        return record

    async def save(self, session: Session, tool_names: tuple[str, ...], history: list[Message]) -> None:
        """Append what is new."""
        await self._claim(session.id)
        await session.journal.flush()
        fresh = [event async for event in self.journals.read(session.id, start=self._n_saved)]
        if not fresh and not self._n_saved:
            return
        if not self._n_saved:
            if await _guarded(self._target.get(session.id)) is not None:
                raise PersistenceFailed(
                    f"there is a session `{session.id}` in the store already; resume or delete it, "
                    "or choose another `session_id`"
                )
            await _guarded(self._target.create(session.record))
        for blob in (await blobs_of(fresh, self.journals, session.id)).values():
            await _guarded(self._target.put_blob(session.id, blob))
        await _guarded(self._target.append(session.id, fresh))
        self._n_saved += len(fresh)
        await _guarded(self._target.update(_counted(session.record, self._n_saved)))
        await _guarded(self._target.sync(session.id))

    async def release(self, session_id: SessionId) -> None:
        """Let others have it."""
        if self._claimed:
            self._claimed = False
            await _guarded(self._target.release(session_id))

    async def _claim(self, session_id: SessionId) -> None:
        await _guarded(self._target.claim(session_id))
        self._claimed = True


class KeptDirectly:
    """In a store of the engine, as it happens."""

    saves_by_itself = True

    def __init__(self, journals: Journals) -> None:
        self.journals = journals

    async def find(self, session_id: SessionId) -> SessionRecord:
        """Look it up."""
        record = await _guarded(self.journals.get(session_id))
        if record is None:
            raise SessionNotFound(session_id)
        return record

    async def save(self, session: Session, tool_names: tuple[str, ...], history: list[Message]) -> None:
        """Make it safe against the machine's death too."""
        await session.save_record()
        await session.journal.sync()
        if session.journal.is_behind:
            raise PersistenceFailed("the store does not take what happens; it is tried again later")

    async def release(self, session_id: SessionId) -> None:
        """The engine has done so."""


async def _guarded(work: Awaitable[T]) -> T:
    try:
        return await work
    except SessionInUse:
        raise
    except StoreError as exc:
        raise PersistenceFailed(str(exc)) from exc


async def _put(journals: Journals, record: SessionRecord, events: list[Event]) -> None:
    await journals.delete(record.id)
    await journals.create(_counted(record, 0))
    await journals.append(record.id, events)


def _counted(record: SessionRecord, n_events: int) -> SessionRecord:
    return msgspec.structs.replace(record, n_events=n_events)
