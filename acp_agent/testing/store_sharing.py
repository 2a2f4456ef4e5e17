"""Promises of a session store that several processes share, checked with two objects over the same data."""

from __future__ import annotations

from acp_agent.base.errors import SessionInUse
from acp_agent.base.ids import SessionId
from acp_agent.ports import SessionStore
from acp_agent.testing.promises import refuses, same, same_list
from acp_agent.testing.store_samples import chunk, chunks, create, listed, read, record, said, turn


async def _check_seeing(store: SessionStore, other: SessionStore) -> None:
    session = await create(store, "shared")
    await store.append(session, turn("t"))
    await store.append(session, chunks(0, 3))
    whole = [*turn("t"), *chunks(0, 3)]
    same_list("read() from a second process while the first goes on", await read(other, session), whole)
    same("get() from a second process", await other.get(session), await store.get(session))
    same_list("list() from a second process", await listed(other), ["shared"])
    await store.append(session, said("a", "remarkable"))
    hits = await other.search("remark", cwd=None, limit=5)
    same("search() from a second process", [hit.session.id for hit in hits], ["shared"])
    await other.fork(record("fork"), session, 8)
    same_list("read() of a fork that a second process made", await read(store, SessionId("fork")), whole[:8])
    name = await store.put_blob(session, b"blob")
    same("get_blob() from a second process", await other.get_blob(session, name), b"blob")
    await store.sync(session)
    await store.append(session, [chunk(9)])
    await store.aclose()
    after = [*whole, *said("a", "remarkable"), chunk(9)]
    same_list("read() after the first process ended", await read(other, session), after)
    await other.append(session, [chunk(10)])
    same_list("read() after a second process went on", await read(other, session), [*after, chunk(10)])


async def _check_one_writer(store: SessionStore, other: SessionStore) -> None:
    session = await create(store, "owned")
    await store.claim(session)
    await store.append(session, [chunk(1)])
    await refuses("claim() of what another process holds", lambda: other.claim(session), SessionInUse)
    await refuses("delete() of what another process holds", lambda: other.delete(session), SessionInUse)
    for what, act in (
        ("append()", lambda: other.append(session, [chunk(8)])),
        ("update()", lambda: other.update(record("owned", title="Mine"))),
        ("put_blob()", lambda: other.put_blob(session, b"mine")),
    ):
        await refuses(f"{what} to what another process holds", act, SessionInUse)
    same_list("read() of what another process holds", await read(other, session), [chunk(1)])
    same("get() of what another process holds", await other.get(session), await store.get(session))
    free = SessionId("free")
    await other.claim(free)
    await refuses("claim() of a session that is not stored yet", lambda: store.claim(free), SessionInUse)

    await store.release(session)
    await other.claim(session)
    await other.append(session, [chunk(2)])
    await refuses("claim() after it was handed over", lambda: store.claim(session), SessionInUse)
    await other.aclose()
    await store.claim(session)
    await store.append(session, [chunk(3)])
    same_list("read() after it went to and fro", await read(store, session), chunks(1, 4))


SHARING_CHECKS = (_check_seeing, _check_one_writer)
"""Each is given two stores over the same, empty data."""
