"""Sessions and events to check stores with, and short ways to put them in and get them out."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from acp_agent.base.ids import MessageId, SessionId, ToolCallId, TurnId
from acp_agent.model import events
from acp_agent.model.content import Text
from acp_agent.model.session import SessionRecord
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.ports import SessionStore
from acp_agent.testing.promises import ContractBroken, same

LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)


def record(name: str, *, cwd: str = "/x", title: str | None = None) -> SessionRecord:
    """A session made and changed long ago."""
    return SessionRecord(SessionId(name), cwd=cwd, created_at=LONG_AGO, updated_at=LONG_AGO, title=title)


def chunk(number: int) -> events.Event:
    """A part of an answer with characters of every kind."""
    return events.TextChunk(MessageId("m"), f"chunk {number} ä\U0001f600\x00\n")


def chunks(start: int, stop: int) -> list[events.Event]:
    """Consecutive parts."""
    return [chunk(number) for number in range(start, stop)]


def said(message: str, *parts: str) -> list[events.Event]:
    """An answer in parts."""
    return [events.TextChunk(MessageId(message), part) for part in parts]


def asked(message: str, text: str) -> events.Event:
    """A prompt."""
    return events.UserSaid(MessageId(message), (Text(text),))


def turn(name: str) -> list[events.Event]:
    """A turn with a tool call."""
    call = ToolCallId("c")
    return [
        events.TurnStarted(TurnId(name), LONG_AGO),
        events.UserSaid(MessageId("u"), (Text("hello"),)),
        events.CallRequested(call, "read", {"path": "a", "deep": [1, 2.5, None, {"x": True}]}),
        events.CallShown(call, ToolCallPatch(title="Read a", raw_input=None)),
        events.CallAnswered(call, (Text("text"),), is_error=False),
        events.TurnEnded(TurnId(name), "end_turn", LONG_AGO),
    ]


async def create(store: SessionStore, name: str, *, cwd: str = "/x", title: str | None = None) -> SessionId:
    """A new session in the store."""
    await store.create(record(name, cwd=cwd, title=title))
    return SessionId(name)


async def set_changed(store: SessionStore, name: str, changed: datetime) -> None:
    """Let the session have changed then."""
    found = await store.get(SessionId(name))
    if found is None:
        raise ContractBroken(f"get() of session {name!r} must return its record; it returned None")
    await store.update(msgspec.structs.replace(found, updated_at=changed))


async def read(store: SessionStore, session_id: SessionId, *, start: int = 0) -> list[events.Event]:
    """The session's events."""
    return [event async for event in store.read(session_id, start=start)]


async def listed(store: SessionStore, *, cwd: str | None = None, archived: bool | None = False) -> list[str]:
    """The ids of a list that fits on one page."""
    page = await store.list(cwd=cwd, cursor=None, limit=100, archived=archived)
    same("`next_cursor` of a page that holds everything", page.next_cursor, None)
    return [record.id for record in page.sessions]


async def paged(store: SessionStore, limit: int) -> list[str]:
    """The ids of a list, page by page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.list(cwd=None, cursor=cursor, limit=limit)
        if len(page.sessions) > limit:
            raise ContractBroken(f"list(limit={limit}) must show no more; it showed {len(page.sessions)}")
        found += [record.id for record in page.sessions]
        cursor = page.next_cursor
        if cursor is None:
            return found
        if not page.sessions:
            raise ContractBroken("list() must not promise another page after an empty one")
