"""One private SQLite file: created, opened, flushed, and its errors told in our words."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from acp_agent.base.errors import StoreCorrupt, StoreError
from acp_agent.stores.disk import Disk
from acp_agent.stores.migrations import migrate

logger = logging.getLogger(__name__)

BUSY_TIMEOUT = 5.0
"""Seconds a write waits for another process's write to end; writes take microseconds."""

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""Size of the write-ahead log from which `flush` moves it into the database file."""

_SAFETY_NET_PAGES = 16_384
"""Pages (4 KiB) in the log from which SQLite moves it itself, should nobody ever call `flush`."""

_REMEDIES = {
    sqlite3.SQLITE_FULL: "free some disk space",
    sqlite3.SQLITE_BUSY: "another process keeps it locked; end that process",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked; end that process",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable, or choose another place for it",
    sqlite3.SQLITE_CANTOPEN: "make the file and its directory writable, or choose another place for it",
}
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def map_errors(path: Path) -> Generator[None]:
    """Turn what the operating system and SQLite raise into `StoreError`s that name the file and a remedy."""
    try:
        yield
    except sqlite3.Error as exc:
        # The low byte is the primary code; misuse found by the Python module itself carries none.
        code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _DAMAGED:
            raise StoreCorrupt(
                f"session store `{path}` is damaged: {exc}; move it away to start a new one"
            ) from exc
        remedy = f"; {_REMEDIES[code]}" if code in _REMEDIES else ""
        raise StoreError(f"session store `{path}`: {exc}{remedy}") from exc
    except OSError as exc:
        raise StoreError(
            f"session store `{path}`: {exc.strerror or exc}; "
            "make its directory writable, or choose another place for it"
        ) from exc
    except UnicodeEncodeError as exc:
        raise StoreError(f"session store `{path}`: text with lone surrogates cannot be stored") from exc


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file, created and migrated as needed, in autocommit mode.

    New files are readable by their owner only, and so are new directories above them.

    Raises:
        StoreError: it cannot be opened for writing, or is damaged, or too new.
    """
    with map_errors(path):
        _create_private(path)
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        try:
            _configure(db, path)
            # Taking the write lock first makes two processes migrate one after the other, and makes a
            # file that cannot be written fail here and not at the first append.
            with transaction(db):
                migrate(db, str(path))
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """Everything inside is written, or nothing."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def flush(path: Path) -> None:
    """Make every committed transaction survive a power loss. Blocks on the disk; call it in a thread.

    With `synchronous=NORMAL` a commit writes its frames to the end of the `-wal` file without waiting for
    the disk, and recovery accepts every frame up to the first incomplete one. So one fsync of that file
    makes all earlier commits durable, whoever wrote them, and needs neither SQLite's write lock nor its
    connection: appends go on meanwhile. Frames that left the log before were synced by the checkpoint
    that moved them. Opening and closing the log is safe because SQLite keeps its POSIX locks, which any
    close would drop, on the other two files.

    Moving a long log into the database happens here too, so that the event loop never waits for it.
    """
    with map_errors(path):
        log = os.open(f"{path}-wal", os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            Disk().sync(log)
            size = os.fstat(log).st_size
        finally:
            os.close(log)
        Disk().sync_directory(path.parent)  # a new file survives a power loss only once its name does
    if size >= CHECKPOINT_BYTES:
        try:
            with map_errors(path), closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except StoreError as exc:
            logger.warning("%s; the write-ahead log stays as it is until the next attempt", exc)


def _create_private(path: Path) -> None:
    Disk().make_directory(path.parent)
    # Created here because SQLite would use the umask. `O_EXCL` also keeps us from ever opening, and then
    # closing, a database somebody in this process has open, which would drop its POSIX locks.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


def _configure(db: sqlite3.Connection, path: Path) -> None:
    mode = _write_ahead(db)
    if mode != "wal":
        raise StoreError(
            f"session store `{path}`: this file system cannot hold a write-ahead log; put it on a local disk"
        )
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA wal_autocheckpoint = {_SAFETY_NET_PAGES}")
    # Cut the log when it starts over, or its size would tell `flush` nothing.
    db.execute("PRAGMA journal_size_limit = 0")


def _write_ahead(db: sqlite3.Connection) -> str:
    # When two processes create the file at once, SQLite turns one of them away without waiting.
    attempts_left = 50
    while True:
        try:
            (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as exc:
            attempts_left -= 1
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not attempts_left:
                raise
            time.sleep(0.02)
        else:
            return mode
