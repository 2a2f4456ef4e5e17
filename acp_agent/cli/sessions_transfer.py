"""`acp-agent sessions export`, `import` and `migrate`: sessions from one store to another."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import BinaryIO

import anyio
import anyio.to_thread

from acp_agent.base.clock import utc_now
from acp_agent.base.errors import StoreError
from acp_agent.base.paths import find_places
from acp_agent.cli.exits import FAILED, OK, USAGE, report
from acp_agent.cli.session_store import known, stored
from acp_agent.cli.session_text import in_one_line
from acp_agent.engine.transfer import copy_session, export_session, import_session
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore
from acp_agent.sdk.settings.store import open_store, read_store

PAGE_SIZE = 200


async def export(args: Namespace) -> int:
    """Write a session as JSON lines to a file or stdout."""
    async with stored(args) as store:
        record = await known(store, args.what)
        lines = export_session(store, record.id, utc_now())
        if args.output in (None, "-"):
            async for line in lines:
                sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            return OK
        try:
            with _created(args.output) as file:
                async for line in lines:
                    file.write(line)
        except FileExistsError:
            report(f"`{args.output}` exists already", "name another file with `--output`")
            return FAILED
        except OSError as exc:
            report(f"cannot write `{args.output}`: {exc.strerror}")
            return FAILED
    sys.stderr.write(f"exported {record.n_events} events to {args.output}\n")
    return OK


async def take_in(args: Namespace) -> int:
    """Take an exported session into the store."""
    if args.what == "-":
        return await _take_in(args, sys.stdin.buffer)
    try:
        with _opened(args.what) as file:
            return await _take_in(args, file)
    except OSError as exc:
        report(f"cannot read `{args.what}`: {exc.strerror}")
        return FAILED


async def migrate(args: Namespace) -> int:
    """Copy every session of one store into another; what is there already stays as it is."""
    origin, target = getattr(args, "from"), args.to
    if not origin or not target:
        report("`sessions migrate` needs two stores", "name them with `--from STORE --to STORE`")
        return USAGE
    places = find_places(os.environ)
    choices = read_store(origin, places), read_store(target, places)
    if choices[0] == choices[1]:
        report("`--from` and `--to` are the same store")
        return USAGE
    source, sink = open_store(choices[0]), open_store(choices[1])
    async with aclosing(source), aclosing(sink):
        return await _copy_all(source, sink)


async def _take_in(args: Namespace, file: BinaryIO) -> int:
    async with stored(args) as store:
        record = await import_session(store, _lines(file))
        there = await known(store, record.id)
    sys.stdout.write(f"{in_one_line(there.id)}\n")
    sys.stderr.write(f"imported {there.n_events} events\n")
    return OK


async def _copy_all(source: SessionStore, target: SessionStore) -> int:
    records = [record async for record in _all(source)]
    n_copied = n_there = n_failed = 0
    for number, record in enumerate(reversed(records), start=1):  # the oldest first
        name = in_one_line(f"{record.id} {record.title or ''}")
        sys.stderr.write(f"[{number}/{len(records)}] {name}\n")
        there = await target.get(record.id)
        if there is not None and there.n_events == record.n_events:
            n_there += 1
            continue
        try:
            await copy_session(source, target, record.id, utc_now())
            n_copied += 1
        except StoreError as exc:
            report(str(exc))
            n_failed += 1
    sys.stdout.write(f"copied {n_copied}, there already {n_there}, failed {n_failed}\n")
    return FAILED if n_failed else OK


async def _all(store: SessionStore) -> AsyncIterator[SessionRecord]:
    cursor: str | None = None
    while True:
        page = await store.list(cwd=None, cursor=cursor, limit=PAGE_SIZE, archived=None)
        for record in page.sessions:
            yield record
        cursor = page.next_cursor
        if cursor is None:
            return


async def _lines(file: BinaryIO) -> AsyncIterator[bytes]:
    while line := await anyio.to_thread.run_sync(file.readline):
        yield line


@contextmanager
def _created(path: str) -> Generator[BinaryIO]:
    """A new file that only its owner can read, gone if the block raises: half an export is none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags, 0o600), "wb") as file:
            yield file
    except FileExistsError:
        raise
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


def _opened(path: str) -> BinaryIO:
    return Path(path).open("rb")
