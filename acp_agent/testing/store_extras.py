"""Promises of a session store beyond records and journals: forks, blobs, search, archive, claims."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from acp_agent.base.ids import SessionId
from acp_agent.ports import SearchHit, SessionStore
from acp_agent.testing.promises import ContractBroken, refuses, same, same_list
from acp_agent.testing.store_samples import (
    LONG_AGO,
    asked,
    chunk,
    chunks,
    create,
    listed,
    read,
    record,
    said,
    set_changed,
    turn,
)


async def _check_reading_from_the_middle(store: SessionStore) -> None:
    whole = chunks(0, 1200)
    session = await create(store, "long")
    await store.append(session, whole)
    for start in (0, 1, 499, 500, 501, 1199, 1200, 5000):
        same_list(f"read(start={start})", await read(store, session, start=start), whole[start:])


async def _check_forks(store: SessionStore) -> None:
    source = await create(store, "source")
    await store.append(source, chunks(0, 10))
    fork = msgspec.structs.replace(record("fork"), parent=source, title="Another way")
    await store.fork(fork, source, 6)
    same(
        "get() after fork() of 6 events",
        await store.get(fork.id),
        msgspec.structs.replace(fork, n_events=6),
    )
    same_list("read() of a fork of 6 events", await read(store, fork.id), chunks(0, 6))
    same_list("list() after a fork", sorted(await listed(store)), ["fork", "source"])

    await store.append(source, chunks(10, 12))
    await store.append(fork.id, chunks(100, 103))
    forked = [*chunks(0, 6), *chunks(100, 103)]
    same_list("read() of a fork after both went on", await read(store, fork.id), forked)
    same_list("read() of its source after both went on", await read(store, source), chunks(0, 12))
    for start in (3, 5, 6, 7, 9):
        same_list(f"read(start={start}) of a fork", await read(store, fork.id, start=start), forked[start:])

    for name, n_events in (("late", 8), ("early", 4), ("whole", 9), ("none", 0)):
        await store.fork(record(name), fork.id, n_events)
        same_list(
            f"read() of a fork of a fork, {n_events} events",
            await read(store, SessionId(name)),
            forked[:n_events],
        )
    await store.append(SessionId("late"), [chunk(7)])
    await store.append(SessionId("none"), [chunk(8)])
    await refuses("fork() to an id that exists", lambda: store.fork(record("late"), source, 1))
    await refuses("fork() of an unknown session", lambda: store.fork(record("x"), SessionId("nobody"), 0))
    await refuses("fork() of more events than there are", lambda: store.fork(record("x"), source, 13))
    await refuses("fork() of less than nothing", lambda: store.fork(record("x"), source, -1))
    same("get() after refused forks", await store.get(SessionId("x")), None)

    for gone in (source, fork.id):
        same(f"delete() of `{gone}`, which was forked", await store.delete(gone), True)
        await create(store, gone)
        same_list(f"read() of a new session called `{gone}`", await read(store, gone), [])
        await store.append(gone, [chunk(1000)])
        await store.collect_garbage()
    same_list(
        "read() of a fork of a fork after both before it were deleted",
        await read(store, SessionId("late")),
        [*forked[:8], chunk(7)],
    )
    same_list("read() of another one", await read(store, SessionId("early")), forked[:4])
    for gone in ("late", "early", "whole", "none"):
        await store.delete(SessionId(gone))
    same_list("read() of what stays after all forks were deleted", await read(store, source), [chunk(1000)])
    freed = await store.collect_garbage()
    same("events that collect_garbage() frees after delete() was asked for all", freed.n_events, 0)


async def _check_blobs(store: SessionStore) -> None:
    one, other = await create(store, "one"), await create(store, "other")
    await store.append(one, turn("t"))
    data = bytes(range(256)) * 300
    name = await store.put_blob(one, data)
    same("put_blob() of the same bytes again", await store.put_blob(one, data), name)
    same("put_blob() of no bytes", len(await store.put_blob(one, b"")), 64)
    same("get_blob()", await store.get_blob(one, name), data)
    await refuses("get_blob() of a blob of another session", lambda: store.get_blob(other, name))
    await refuses("get_blob() of an unknown name", lambda: store.get_blob(one, "0" * 64))
    await refuses("get_blob() of no name at all", lambda: store.get_blob(one, "../../etc/passwd"))
    await refuses("put_blob() for an unknown session", lambda: store.put_blob(SessionId("nobody"), data))

    await store.fork(record("fork"), one, 2)
    await store.put_blob(other, data)
    await store.delete(one)
    await store.collect_garbage()
    same(
        "get_blob() of a fork after its source was deleted",
        await store.get_blob(SessionId("fork"), name),
        data,
    )
    await store.delete(SessionId("fork"))
    await store.collect_garbage()
    same("get_blob() of the last session that has it", await store.get_blob(other, name), data)
    await store.delete(other)
    await store.collect_garbage()
    await create(store, "other")
    await refuses("get_blob() after its session was deleted", lambda: store.get_blob(other, name))


async def _check_archive(store: SessionStore) -> None:
    for name in ("kept", "put-away", "third"):
        session = await create(store, name)
        await store.append(session, [chunk(1)])
        await set_changed(store, name, LONG_AGO)
    found = await store.get(SessionId("put-away"))
    if found is None or found.archived:
        raise ContractBroken(f"a new session must not be archived; it is {found}")
    await store.update(msgspec.structs.replace(found, archived=True))
    same_list("list() without what is archived", await listed(store), ["third", "kept"])
    same_list("list(archived=True)", await listed(store, archived=True), ["put-away"])
    everything = ["third", "put-away", "kept"]
    same_list("list(archived=None)", await listed(store, archived=None), everything)
    await store.append(SessionId("put-away"), [chunk(2)])
    same_list("list(archived=True) after an append", await listed(store, archived=True), ["put-away"])
    first = await store.list(cwd=None, cursor=None, limit=1)
    rest = await store.list(cwd=None, cursor=first.next_cursor, limit=5)
    same("the page after the first, without what is archived", [r.id for r in rest.sessions], ["kept"])


async def _check_search(store: SessionStore) -> None:
    await create(store, "tea", cwd="/kitchen", title="Étude of Tea")
    await store.append(
        SessionId("tea"), [asked("u", "Brew it slowly"), *said("a", "In a cera", "mic pot, 90 °C")]
    )
    await create(store, "code", title="Fix the parser")
    await store.append(SessionId("code"), [*turn("t"), asked("u2", "SELECT * FROM tea; -- don't"), chunk(1)])
    await create(store, "silent", title="tea nobody spoke about")
    await set_changed(store, "code", LONG_AGO)
    await set_changed(store, "tea", LONG_AGO + timedelta(days=1))

    for query, promised in (
        ("ceramic", ["tea"]),
        ("CERAM", ["tea"]),
        ("brew pot", ["tea"]),
        ("etude", ["tea"]),
        ("étude slowly", ["tea"]),
        ("tea", ["tea", "code"]),
        ("tea parser", ["code"]),
        ("amic", []),
        ("tea coffee", []),
        ("", []),
        (" *-\"' ", []),
        ("hello chunk", ["code"]),
    ):
        hits = await store.search(query, cwd=None, limit=10)
        same_list(f"search({query!r})", [hit.session.id for hit in hits], promised)
    for query in (
        '"',
        "a OR",
        "NEAR(",
        "tea AND (",
        "^tea*",
        "col:tea",
        "%_\\",
        "\x00",
        "{tea}",
        "tea'",
        "!&|<->",
    ):
        await _searched(store, query)
    (hit,) = await store.search("slow", cwd=None, limit=10)
    same("the record of a hit", hit.session, await store.get(SessionId("tea")))
    if "slowly" not in hit.excerpt or "\n" in hit.excerpt:
        raise ContractBroken(f"a hit must show one line around a word searched for; it shows {hit.excerpt!r}")
    same_list("search(cwd=…)", await _ids(store, "tea", cwd="/kitchen"), ["tea"])
    same_list("search(limit=1)", await _ids(store, "tea", limit=1), ["tea"])

    await store.append(SessionId("code"), said("late", "an afterthought"))
    same_list("search() for what was said after a search", await _ids(store, "afterthought"), ["code"])
    await store.append(SessionId("code"), said("late", "fully added"))
    same_list("search() for a word said in two parts", await _ids(store, "afterthoughtfully"), ["code"])
    await store.fork(record("fork"), SessionId("code"), 7)
    same_list("search() for what a fork shares", sorted(await _ids(store, "hello")), ["code", "fork"])
    same_list("search() for what was said behind a fork", await _ids(store, "afterthought"), ["code"])
    await store.delete(SessionId("code"))
    same_list("search() for what a fork shared with a deleted one", await _ids(store, "hello"), ["fork"])
    same_list("search() for what only a deleted session said", await _ids(store, "afterthought"), [])
    session = await create(store, "next")
    await store.append(session, said("m", "something else"))
    same_list("search() after a session followed a deleted one", await _ids(store, "something"), ["next"])
    same_list("search() for what only a deleted session said", await _ids(store, "afterthought"), [])


async def _ids(store: SessionStore, query: str, *, cwd: str | None = None, limit: int = 10) -> list[str]:
    return [hit.session.id for hit in await store.search(query, cwd=cwd, limit=limit)]


async def _searched(store: SessionStore, query: str) -> tuple[SearchHit, ...]:
    try:
        return await store.search(query, cwd=None, limit=10)
    except Exception as exc:
        raise ContractBroken(f"search({query!r}) must not fail; it raised {exc!r}") from exc


async def _check_claiming(store: SessionStore) -> None:
    fresh = SessionId("fresh")
    await store.release(fresh)
    await store.claim(fresh)
    await store.claim(fresh)
    await create(store, fresh)
    await store.append(fresh, [chunk(1)])
    await store.release(fresh)
    await store.claim(fresh)
    await store.append(fresh, [chunk(2)])
    same_list("read() of a session claimed twice", await read(store, fresh), chunks(1, 3))
    same("delete() of a session claimed here", await store.delete(fresh), True)
    await store.release(fresh)
    await create(store, fresh)
    same_list("read() of a session made again", await read(store, fresh), [])


EXTRA_CHECKS = (
    _check_reading_from_the_middle,
    _check_forks,
    _check_blobs,
    _check_archive,
    _check_search,
    _check_claiming,
)
"""Each is given an empty store."""
