"""What every adapter of a port must do, as checks that anybody can run against their own.

    async def test_my_store(tmp_path):
        await check_session_store(lambda: MyStore(tmp_path / random_name()))

The checks are plain async functions; they need no test framework. The first broken promise raises
`ContractBroken`, an `AssertionError` whose text says what was done, what was promised and what was seen.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from acp_agent.base.errors import InvalidChoice, StoreError
from acp_agent.base.ids import MessageId, SessionId, ToolCallId, TurnId
from acp_agent.model import events
from acp_agent.model.content import Text
from acp_agent.model.session import SessionRecord
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.ports import SessionStore

_LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)

_HOSTILE_IDS = (
    "",
    " ",
    "../../etc/passwd",
    "'; DROP TABLE sessions; --",
    "%",
    "_",
    "a\x00b",
    "a\nb",
    "CON",
    "sess/1?x=y#z",
    "ÄÖ\u202e\U0001f600",
    "x" * 10_000,
)


class ContractBroken(AssertionError):
    """An adapter does not keep a promise of its port."""


async def check_session_store(factory: Callable[[], SessionStore]) -> None:
    """Check a `SessionStore`.

    `factory` makes a store that nobody else uses and that is empty; it is called several times. Whether
    events survive a crash cannot be checked from inside; do that with a process of your own.

    Raises:
        ContractBroken: the store breaks a promise; the text says which.
    """
    for check in (
        _check_records,
        _check_journal,
        _check_unknown_sessions,
        _check_listing,
        _check_pages,
        _check_deleting,
        _check_hostile_ids,
    ):
        async with _opened(factory) as store:
            await check(store)


@asynccontextmanager
async def _opened(factory: Callable[[], SessionStore]) -> AsyncGenerator[SessionStore]:
    store = factory()
    try:
        yield store
    finally:
        await store.aclose()


async def _check_records(store: SessionStore) -> None:
    record = SessionRecord(
        SessionId("records"),
        cwd="/somewhere/ä",
        created_at=_LONG_AGO,
        updated_at=_LONG_AGO + timedelta(microseconds=1),
        additional_directories=("/other", "/third"),
        title="A title",
        mode="plan",
        model="provider/model",
    )
    _same("get() of a session never created", await store.get(record.id), None)
    await store.create(record)
    _same("get() after create()", await store.get(record.id), record)
    await _refuses("create() of a session that exists", lambda: store.create(record))

    changed = msgspec.structs.replace(record, cwd="/moved", title=None, mode="auto", n_events=99)
    await store.update(changed)
    _same(
        "get() after update(); `n_events` is the store's own and no event was appended",
        await store.get(record.id),
        msgspec.structs.replace(changed, n_events=0),
    )


async def _check_journal(store: SessionStore) -> None:
    one, other = await _create(store, "one"), await _create(store, "other")
    _same_list("read() of a session without events", await _read(store, one), [])
    await store.append(one, [])
    _same_list("read() after append() of nothing", await _read(store, one), [])

    turn, chunks = _turn("t1"), [_chunk(n) for n in range(1500)]
    await store.append(one, turn)
    await store.append(other, [_chunk(0)])
    await store.append(one, chunks)
    await store.sync(one)
    _same_list(
        "read() after several append()s, one of 1500 events", await _read(store, one), [*turn, *chunks]
    )
    _same_list("read() of another session appended to in between", await _read(store, other), [_chunk(0)])
    record = await store.get(one)
    _same("`n_events` after these append()s", record and record.n_events, len(turn) + len(chunks))
    if record is None or record.updated_at <= _LONG_AGO:
        raise ContractBroken(f"append() must set `updated_at` to the present; it is {record}")


async def _check_unknown_sessions(store: SessionStore) -> None:
    nobody = SessionId("nobody")
    await _refuses("append() to an unknown session", lambda: store.append(nobody, [_chunk(1)]))
    await _refuses("update() of an unknown session", lambda: store.update(_record("nobody")))
    _same_list("read() of an unknown session", await _read(store, nobody), [])
    _same("get() of an unknown session", await store.get(nobody), None)
    _same("delete() of an unknown session", await store.delete(nobody), False)


async def _check_listing(store: SessionStore) -> None:
    _same_list("list() of an empty store", await _listed(store), [])
    for name, cwd in (("a", "/x"), ("b", "/x/"), ("c", "/x"), ("empty", "/x")):
        await store.create(_record(name, cwd=cwd))
    for age, name in enumerate(("b", "a", "c")):
        await store.append(SessionId(name), [_chunk(1)])
        await _set_changed(store, name, _LONG_AGO - timedelta(days=age))
    _same_list("list(): sessions with events, last changed first", await _listed(store), ["b", "a", "c"])
    _same_list("list(cwd=…): exactly this working directory", await _listed(store, cwd="/x"), ["a", "c"])
    _same_list("list(cwd=…) of a directory nobody works in", await _listed(store, cwd="/"), [])
    await store.append(SessionId("c"), [_chunk(2)])
    _same_list("list() after an append() to its last session", await _listed(store), ["c", "b", "a"])
    for garbage in ("", "nonsense", "ä", "MTIz", "W10=", "WzEsMl0=", "A" * 10_000):
        await _refuses(
            f"list() with the cursor {garbage[:20]!r}",
            lambda garbage=garbage: store.list(cwd=None, cursor=garbage, limit=10),
            InvalidChoice,
        )


async def _check_pages(store: SessionStore) -> None:
    names = [f"p{n}" for n in range(7)]
    for name in names:
        await _create(store, name)
        await store.append(SessionId(name), [_chunk(1)])
        await _set_changed(store, name, _LONG_AGO)  # equal times must not confuse the order
    whole = await _listed(store)
    _same_list("list() of seven sessions changed at the same moment, in any order", sorted(whole), names)
    for limit in (1, 2, 3, 7, 8):
        _same_list(f"list() page by page, {limit} each", await _paged(store, limit), whole)

    first = await store.list(cwd=None, cursor=None, limit=3)
    await _create(store, "new")
    await store.append(SessionId("new"), [_chunk(1)])
    await store.delete(first.sessions[-1].id)
    rest = await store.list(cwd=None, cursor=first.next_cursor, limit=10)
    _same_list(
        "the second page, after a session was added and the last one of the first page deleted",
        [record.id for record in rest.sessions],
        whole[3:],
    )


async def _check_deleting(store: SessionStore) -> None:
    gone, kept = await _create(store, "gone"), await _create(store, "kept")
    await store.append(gone, _turn("t1"))
    await store.append(kept, _turn("t2"))
    _same("delete() of a session", await store.delete(gone), True)
    _same("delete() of the same session again", await store.delete(gone), False)
    _same("get() of a deleted session", await store.get(gone), None)
    _same_list("read() of a deleted session", await _read(store, gone), [])
    await _refuses("append() to a deleted session", lambda: store.append(gone, [_chunk(1)]))
    _same_list("read() of a session beside it", await _read(store, kept), _turn("t2"))
    await _create(store, "gone")
    _same_list("read() of a session created again under a deleted id", await _read(store, gone), [])


async def _check_hostile_ids(store: SessionStore) -> None:
    for number, name in enumerate(_HOSTILE_IDS):
        await _create(store, name)
        await store.append(SessionId(name), [_chunk(number)])
    for number, name in enumerate(_HOSTILE_IDS):
        seen = await _read(store, SessionId(name))
        _same_list(f"read() of a session with the id {name[:40]!r}", seen, [_chunk(number)])
    _same_list("list() of sessions with such ids", sorted(await _paged(store, 1)), sorted(_HOSTILE_IDS))


async def _create(store: SessionStore, name: str) -> SessionId:
    await store.create(_record(name))
    return SessionId(name)


async def _set_changed(store: SessionStore, name: str, changed: datetime) -> None:
    record = await store.get(SessionId(name))
    if record is None:
        raise ContractBroken(f"get() of session {name!r} must return its record; it returned None")
    await store.update(msgspec.structs.replace(record, updated_at=changed))


async def _read(store: SessionStore, session_id: SessionId) -> list[events.Event]:
    return [event async for event in store.read(session_id)]


async def _listed(store: SessionStore, *, cwd: str | None = None) -> list[str]:
    page = await store.list(cwd=cwd, cursor=None, limit=100)
    _same("`next_cursor` of a page that holds everything", page.next_cursor, None)
    return [record.id for record in page.sessions]


async def _paged(store: SessionStore, limit: int) -> list[str]:
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


async def _refuses(
    what: str, act: Callable[[], Awaitable[object]], error: type[Exception] = StoreError
) -> None:
    try:
        result = await act()
    except error:
        return
    except Exception as exc:
        raise ContractBroken(f"{what} must raise {error.__name__}; it raised {exc!r}") from exc
    raise ContractBroken(f"{what} must raise {error.__name__}; it returned {result!r}")


def _same(what: str, seen: object, promised: object) -> None:
    if seen != promised:
        raise ContractBroken(f"{what}: promised is {promised!r}, seen was {seen!r}")


def _same_list(what: str, seen: Sequence[object], promised: Sequence[object]) -> None:
    for position, (found, wanted) in enumerate(zip(seen, promised, strict=False)):
        _same(f"{what}, item {position}", found, wanted)
    _same(f"{what}, number of items", len(seen), len(promised))


def _record(name: str, *, cwd: str = "/x") -> SessionRecord:
    return SessionRecord(SessionId(name), cwd=cwd, created_at=_LONG_AGO, updated_at=_LONG_AGO)


def _chunk(number: int) -> events.Event:
    return events.TextChunk(MessageId("m"), f"chunk {number} ä\U0001f600\x00\n")


def _turn(name: str) -> list[events.Event]:
    call = ToolCallId("c")
    return [
        events.TurnStarted(TurnId(name), _LONG_AGO),
        events.UserSaid(MessageId("u"), (Text("hello"),)),
        events.CallRequested(call, "read", {"path": "a", "deep": [1, 2.5, None, {"x": True}]}),
        events.CallShown(call, ToolCallPatch(title="Read a", raw_input=None)),
        events.CallAnswered(call, (Text("text"),), is_error=False),
        events.TurnEnded(TurnId(name), "end_turn", _LONG_AGO),
    ]
