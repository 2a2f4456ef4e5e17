"""A session as lines of text that any store can take in: one JSON object each, readable by later versions.

The first says which format it is, the next holds the session's record; then come the events in order, each
blob before the first event that needs it, and a last line with the number of events.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import TypeAlias, cast

import anyio
import msgspec

from acp_agent.base.errors import SessionNotFound, StoreCorrupt, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import dump
from acp_agent.model import events
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore

logger = logging.getLogger(__name__)

FORMAT = "acp-agent session"
VERSION = 1

BATCH = 500
"""Events that are stored at once."""

CLEANUP_TIME = 5.0
"""Seconds the store may take to forget a session that could not be taken in whole."""


class _Head(msgspec.Struct, frozen=True, tag_field="line", tag="head"):
    format: str
    version: int
    exported_at: datetime


class _Record(msgspec.Struct, frozen=True, tag_field="line", tag="record"):
    record: SessionRecord


class _Blob(msgspec.Struct, frozen=True, tag_field="line", tag="blob"):
    id: str
    base64: str


class _Event(msgspec.Struct, frozen=True, tag_field="line", tag="event"):
    event: events.Event


class _End(msgspec.Struct, frozen=True, tag_field="line", tag="end"):
    n_events: int


_Line: TypeAlias = _Head | _Record | _Blob | _Event | _End


async def export_session(store: SessionStore, session_id: SessionId, at: datetime) -> AsyncGenerator[bytes]:
    """The lines of a session, each with its line end; `at` says when. Memory does not grow with it.

    Raises:
        SessionNotFound: it is not stored.
        StoreError: it cannot be read.
    """
    record = await store.get(session_id)
    if record is None:
        raise SessionNotFound(session_id)
    yield _written(_Head(FORMAT, VERSION, at))
    yield _written(_Record(record))
    known: set[str] = set()
    n_events = 0
    async for event in store.read(session_id):
        blob = event.blob if isinstance(event, events.FileKept) else None
        if blob is not None and blob not in known:
            known.add(blob)
            try:
                content = await store.get_blob(session_id, blob)
                yield _written(_Blob(blob, base64.b64encode(content).decode()))
            except StoreError as exc:  # what was said is worth having without it
                logger.warning("session %s is exported without a kept file: %s", session_id, exc)
        yield _written(_Event(event))
        n_events += 1
    yield _written(_End(n_events))


async def import_session(store: SessionStore, lines: AsyncIterable[bytes | str]) -> SessionRecord:
    """Take in what `export_session` wrote, whole or not at all, under the id it had.

    Raises:
        StoreCorrupt: the lines are none of ours, of a later version, damaged or cut off.
        StoreError: the session is there already, or the store cannot be written.
    """
    reading = aiter(lines)
    head = await _next(reading, 1)
    if not isinstance(head, _Head) or head.format != FORMAT:
        raise StoreCorrupt("line 1: this is no exported session; make one with `acp-agent sessions export`")
    if head.version > VERSION:
        raise StoreCorrupt(
            f"line 1: the export has version {head.version}, this version knows up to {VERSION}; "
            "upgrade acp-agent"
        )
    given = await _next(reading, 2)
    if not isinstance(given, _Record):
        raise StoreCorrupt("line 2: the session's record is missing")
    record = given.record
    await store.claim(record.id)
    try:
        if await store.get(record.id) is not None:
            raise StoreError(f"session `{record.id}` is in the store already; delete it there first")
        await store.create(record)
        try:
            await _take_in(store, record.id, reading)
            await store.update(record)  # storing events made it look as if it was changed now
            await store.sync(record.id)
        except BaseException:
            with anyio.move_on_after(CLEANUP_TIME, shield=True):
                await store.delete(record.id)
            raise
    finally:
        with anyio.move_on_after(CLEANUP_TIME, shield=True):
            await store.release(record.id)
    return record


async def copy_session(
    source: SessionStore, target: SessionStore, session_id: SessionId, at: datetime
) -> None:
    """Take a session of one store into another one.

    Raises:
        SessionNotFound: it is not in `source`.
        StoreError: one of the stores fails, or the session is in `target` already.
    """
    async with aclosing(export_session(source, session_id, at)) as lines:
        await import_session(target, lines)


async def _take_in(store: SessionStore, session_id: SessionId, reading: AsyncIterator[bytes | str]) -> None:
    batch: list[events.Event] = []
    n_events, number = 0, 2
    while True:
        number += 1
        match await _next(reading, number):
            case _Event(event):
                batch.append(event)
                n_events += 1
                if len(batch) >= BATCH:
                    await store.append(session_id, batch)
                    batch = []
            case _Blob(blob_id, text):
                if await store.put_blob(session_id, _decoded(text, number)) != blob_id:
                    raise StoreCorrupt(f"line {number}: the kept file is damaged")
            case _End(n_expected):
                if n_events != n_expected:
                    raise StoreCorrupt(f"line {number}: {n_events} events instead of {n_expected}")
                await store.append(session_id, batch)
                return
            case _Head() | _Record():
                raise StoreCorrupt(f"line {number}: another session begins in the middle of this one")


def _written(line: _Line) -> bytes:
    return dump(line) + b"\n"


async def _next(reading: AsyncIterator[bytes | str], number: int) -> _Line:
    try:
        text = await anext(reading)
    except StopAsyncIteration:
        raise StoreCorrupt(
            f"line {number}: the export ends in the middle; export the session again"
        ) from None
    try:
        return msgspec.json.decode(text, type=cast("type[_Line]", _Line))
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise StoreCorrupt(f"line {number}: unreadable: {exc}") from exc


def _decoded(text: str, number: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise StoreCorrupt(f"line {number}: the kept file is damaged") from exc
