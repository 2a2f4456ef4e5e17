"""What every adapter of a port must do, as checks that anybody can run against their own.

    async def test_my_store(tmp_path):
        await check_session_store(lambda: MyStore(tmp_path / random_name()))

The checks are plain async functions; they need no test framework. The first broken promise raises
`ContractBroken`, an `AssertionError` whose text says what was done, what was promised and what was seen.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.ids import SessionId
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore
from acp_agent.testing.promises import ContractBroken, refuses, same, same_list
from acp_agent.testing.store_extras import EXTRA_CHECKS
from acp_agent.testing.store_samples import (
    LONG_AGO,
    chunk,
    create,
    listed,
    paged,
    read,
    set_changed,
    turn,
)
from acp_agent.testing.store_samples import record as record_of
from acp_agent.testing.store_sharing import SHARING_CHECKS

__all__ = ["ContractBroken", "check_session_store"]

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


async def check_session_store(
    factory: Callable[[], SessionStore],
    *,
    reopen: Callable[[SessionStore], SessionStore] | None = None,
) -> None:
    """Check a `SessionStore`.

    `factory` makes a store that nobody else uses and that is empty; it is called several times. `reopen`
    makes another store over what the given one keeps, as a second process would have it; leave it out for
    stores that keep nothing outside the object. Whether events survive a crash cannot be checked from
    inside; do that with a process of your own.

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
        *EXTRA_CHECKS,
    ):
        async with _opened(factory) as store:
            await check(store)
    if reopen is not None:
        for check in SHARING_CHECKS:
            async with _opened(factory) as store, _opened(lambda store=store: reopen(store)) as other:
                await check(store, other)


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
        created_at=LONG_AGO,
        updated_at=LONG_AGO + timedelta(microseconds=1),
        additional_directories=("/other", "/third"),
        title="A title",
        mode="plan",
        model="provider/model",
    )
    same("get() of a session never created", await store.get(record.id), None)
    await store.create(record)
    same("get() after create()", await store.get(record.id), record)
    await refuses("create() of a session that exists", lambda: store.create(record))

    changed = msgspec.structs.replace(record, cwd="/moved", title=None, mode="auto", n_events=99)
    await store.update(changed)
    same(
        "get() after update(); `n_events` is the store's own and no event was appended",
        await store.get(record.id),
        msgspec.structs.replace(changed, n_events=0),
    )


async def _check_journal(store: SessionStore) -> None:
    one, other = await create(store, "one"), await create(store, "other")
    same_list("read() of a session without events", await read(store, one), [])
    await store.append(one, [])
    same_list("read() after append() of nothing", await read(store, one), [])

    first, then = turn("t1"), [chunk(n) for n in range(1500)]
    await store.append(one, first)
    await store.append(other, [chunk(0)])
    await store.append(one, then)
    await store.sync(one)
    same_list("read() after several append()s, one of 1500 events", await read(store, one), [*first, *then])
    same_list("read() of another session appended to in between", await read(store, other), [chunk(0)])
    record = await store.get(one)
    same("`n_events` after these append()s", record and record.n_events, len(first) + len(then))
    if record is None or record.updated_at <= LONG_AGO:
        raise ContractBroken(f"append() must set `updated_at` to the present; it is {record}")


async def _check_unknown_sessions(store: SessionStore) -> None:
    nobody = SessionId("nobody")
    await refuses("append() to an unknown session", lambda: store.append(nobody, [chunk(1)]))
    await refuses("update() of an unknown session", lambda: store.update(record_of("nobody")))
    same_list("read() of an unknown session", await read(store, nobody), [])
    same("get() of an unknown session", await store.get(nobody), None)
    same("delete() of an unknown session", await store.delete(nobody), False)


async def _check_listing(store: SessionStore) -> None:
    same_list("list() of an empty store", await listed(store), [])
    for name, cwd in (("a", "/x"), ("b", "/x/"), ("c", "/x"), ("empty", "/x")):
        await store.create(record_of(name, cwd=cwd))
    for age, name in enumerate(("b", "a", "c")):
        await store.append(SessionId(name), [chunk(1)])
        await set_changed(store, name, LONG_AGO - timedelta(days=age))
    same_list("list(): sessions with events, last changed first", await listed(store), ["b", "a", "c"])
    same_list("list(cwd=…): exactly this working directory", await listed(store, cwd="/x"), ["a", "c"])
    same_list("list(cwd=…) of a directory nobody works in", await listed(store, cwd="/"), [])
    await store.append(SessionId("c"), [chunk(2)])
    same_list("list() after an append() to its last session", await listed(store), ["c", "b", "a"])
    for garbage in ("", "nonsense", "ä", "MTIz", "W10=", "WzEsMl0=", "A" * 10_000):
        await refuses(
            f"list() with the cursor {garbage[:20]!r}",
            lambda garbage=garbage: store.list(cwd=None, cursor=garbage, limit=10),
            InvalidChoice,
        )


async def _check_pages(store: SessionStore) -> None:
    names = [f"p{n}" for n in range(7)]
    for name in names:
        await create(store, name)
        await store.append(SessionId(name), [chunk(1)])
        await set_changed(store, name, LONG_AGO)  # equal times must not confuse the order
    whole = await listed(store)
    same_list("list() of seven sessions changed at the same moment, in any order", sorted(whole), names)
    for limit in (1, 2, 3, 7, 8):
        same_list(f"list() page by page, {limit} each", await paged(store, limit), whole)

    first = await store.list(cwd=None, cursor=None, limit=3)
    await create(store, "new")
    await store.append(SessionId("new"), [chunk(1)])
    await store.delete(first.sessions[-1].id)
    rest = await store.list(cwd=None, cursor=first.next_cursor, limit=10)
    same_list(
        "the second page, after a session was added and the last one of the first page deleted",
        [record.id for record in rest.sessions],
        whole[3:],
    )


async def _check_deleting(store: SessionStore) -> None:
    gone, kept = await create(store, "gone"), await create(store, "kept")
    await store.append(gone, turn("t1"))
    await store.append(kept, turn("t2"))
    same("delete() of a session", await store.delete(gone), True)
    same("delete() of the same session again", await store.delete(gone), False)
    same("get() of a deleted session", await store.get(gone), None)
    same_list("read() of a deleted session", await read(store, gone), [])
    await refuses("append() to a deleted session", lambda: store.append(gone, [chunk(1)]))
    same_list("read() of a session beside it", await read(store, kept), turn("t2"))
    await create(store, "gone")
    same_list("read() of a session created again under a deleted id", await read(store, gone), [])


async def _check_hostile_ids(store: SessionStore) -> None:
    for number, name in enumerate(_HOSTILE_IDS):
        await create(store, name)
        await store.append(SessionId(name), [chunk(number)])
    for number, name in enumerate(_HOSTILE_IDS):
        seen = await read(store, SessionId(name))
        same_list(f"read() of a session with the id {name[:40]!r}", seen, [chunk(number)])
    same_list("list() of sessions with such ids", sorted(await paged(store, 1)), sorted(_HOSTILE_IDS))
