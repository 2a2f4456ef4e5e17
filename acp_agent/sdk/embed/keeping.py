"""Where a session works and where it is saved: one of four ways.

nowhere            it works in memory; saving does nothing
as a whole         it works in memory; saving writes all of it to the program's store
event by event     it works in memory; saving appends what is new to a store of the engine
directly           it works in a store of the engine, which keeps every event as it happens
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar, cast

import msgspec
from anyio import to_thread

from acp_agent.base.errors import SessionInUse, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject, load
from acp_agent.engine.session import Session
from acp_agent.model.codec import decode_event, encode_event
from acp_agent.model.events import Event
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore as Journals
from acp_agent.sdk.embed.errors import PersistenceFailed, SessionNotFound
from acp_agent.sdk.embed.messages import Message
from acp_agent.sdk.embed.session_data import SessionConfig, SessionData, SessionMessage, SessionStore
from acp_agent.stores.memory import MemoryStore

T = TypeVar("T")


class Keeping(Protocol):
    """How one session is kept."""

    @property
    def journals(self) -> Journals:
        """The store the engine works with."""
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
    """In a store that takes whole sessions."""

    def __init__(self, store: SessionStore) -> None:
        self.journals: Journals = MemoryStore()
        self._store = store

    async def find(self, session_id: SessionId) -> SessionRecord:
        """Load it into memory."""
        data = await called(self._store.load, session_id)
        if data is None:
            raise SessionNotFound(session_id)
        try:
            record = msgspec.convert(data.record, SessionRecord)
            events = [decode_event(msgspec.json.encode(event)) for event in data.journal]
        except (msgspec.ValidationError, StoreError) as exc:
            raise PersistenceFailed(f"the saved session `{session_id}` cannot be read: {exc}") from exc
        await _put(self.journals, record, events)
        return record

    async def save(self, session: Session, tool_names: tuple[str, ...], history: list[Message]) -> None:
        """Write all of it."""
        record = session.record
        events = [cast("JsonObject", load(encode_event(event))) async for event in self._events(session.id)]
        tasks = cast("list[JsonObject]", msgspec.to_builtins(session.state.plan))
        stored = await self.journals.get(session.id)
        data = SessionData(
            id=record.id,
            messages=tuple(SessionMessage.of(message) for message in history),
            config=SessionConfig(
                workspace=record.cwd,
                system_prompt=session.answer_context().system(),
                planning_enabled="todo" in tool_names,
                model=record.model,
            ),
            tasks=tuple(tasks),
            tool_names=tool_names,
            tenant_id=record.labels.get("tenant_id"),
            principal=record.labels.get("principal"),
            agent_template_id=record.labels.get("agent_template_id"),
            correlation_id=record.labels.get("correlation_id"),
            created_at=record.created_at,
            updated_at=record.updated_at,
            record=msgspec.to_builtins(record if stored is None else _counted(record, stored.n_events)),
            journal=tuple(events),
        )
        await called(self._store.save, data)

    async def release(self, session_id: SessionId) -> None:
        """Do nothing: whole sessions are not claimed."""

    def _events(self, session_id: SessionId) -> AsyncIterator[Event]:
        return self.journals.read(session_id)


class KeptByEvent:
    """In a store of the engine, when the program says so."""

    def __init__(self, target: Journals) -> None:
        self.journals: Journals = MemoryStore()
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
        fresh = [event async for event in self.journals.read(session.id, start=self._n_saved)]
        if not fresh and not self._n_saved:
            return
        if await _guarded(self._target.get(session.id)) is None:
            await _guarded(self._target.create(session.record))
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
        await _guarded(self.journals.sync(session.id))

    async def release(self, session_id: SessionId) -> None:
        """The engine has done so."""


async def called(method: Callable[..., T | Awaitable[T]], *args: object) -> T:
    """What a store's method returns, whether it is a coroutine or plain; a plain one is called in a thread.

    Raises:
        PersistenceFailed: it failed.
    """
    try:
        if inspect.iscoroutinefunction(method):
            returned = method(*args)
        else:
            returned = await to_thread.run_sync(partial(method, *args))
        return await returned if inspect.isawaitable(returned) else cast("T", returned)
    except PersistenceFailed:
        raise
    except Exception as exc:
        raise PersistenceFailed(f"the session store failed: {exc}") from exc


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
