"""Search in SQLite: an index of what was said that follows the journals when somebody searches.

Appending does nothing for it, so that it costs nothing while a model talks.
"""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from acp_agent.base.errors import StoreCorrupt
from acp_agent.base.ids import MessageId
from acp_agent.model.codec import decode_event
from acp_agent.stores.database import map_errors, open_database, transaction
from acp_agent.stores.said import excerpt, fold, joined, said_in, words

_BATCH_ROWS = 500
"""Events indexed in one transaction: an append that meets one waits some milliseconds."""

_PAUSE = 0.001
"""Seconds between two of them, in which waiting appends get their turn."""

_TEXTUAL = (b'{"type":"user_said"', b'{"type":"text"')
"""How the stored events begin in which something is said."""


class Found(NamedTuple):
    """A session that has all the words, as its row tells it."""

    session_id: str
    changed: int
    n_events: int
    record: bytes
    excerpt: str


class _Titled(msgspec.Struct):
    title: str | None = None


def find(path: Path, wanted: tuple[str, ...], cwd: str | None, limit: int) -> list[Found]:
    """The sessions that have all `wanted` words, last changed first. Blocks; call it in a thread."""
    with map_errors(path), closing(open_database(path)) as db:
        _make_index(db)
        while _catch_up(db):
            time.sleep(_PAUSE)
        return _look_up(db, wanted, cwd, limit)


def unindex(db: sqlite3.Connection, segment: int, last: int) -> None:
    """Forget what was said in a segment after event number `last`, before these events are deleted."""
    rows = db.execute("SELECT key, text FROM said WHERE session = ?", (segment,)).fetchall()
    if not rows:
        return
    for key, text in rows:
        _forget_words(db, key, text)
    db.execute("DELETE FROM said WHERE session = ?", (segment,))
    _index(
        db,
        db.execute(
            "SELECT number, session, body FROM events"
            " WHERE session = ? AND number <= min(?, (SELECT number FROM said_until)) ORDER BY number",
            (segment, last),
        ),
    )


def lower_mark(db: sqlite3.Connection) -> None:
    """Note after a deletion that the numbers of the last events may be given again."""
    db.execute("UPDATE said_until SET number = min(number, (SELECT coalesce(max(number), 0) FROM events))")


def _make_index(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS said_words USING fts5("
        "text, content='said', content_rowid='key', tokenize='unicode61 remove_diacritics 2')"
    )


def _catch_up(db: sqlite3.Connection) -> bool:
    """Index the next events; False if there are no more."""
    with transaction(db):
        rows = db.execute(
            "SELECT number, session, body FROM events WHERE number > (SELECT number FROM said_until)"
            f" ORDER BY number LIMIT {_BATCH_ROWS}"
        ).fetchall()
        if not rows:
            return False
        _index(db, rows)
        db.execute("UPDATE said_until SET number = ?", (rows[-1][0],))
    return len(rows) == _BATCH_ROWS


def _index(db: sqlite3.Connection, rows: Iterable[tuple[int, int, object]]) -> None:
    parts: defaultdict[int, list[tuple[int, MessageId, str]]] = defaultdict(list)
    for number, segment, body in rows:
        said = _said(body)
        if said is not None:
            parts[segment].append((number, *said))
    for segment, said in parts.items():
        for first, message_id, text in joined(iter(said)):
            _index_message(db, segment, message_id, first, text)


def _said(body: object) -> tuple[MessageId, str] | None:
    if not isinstance(body, bytes) or not body.startswith(_TEXTUAL):
        return None
    try:
        return said_in(decode_event(body))
    except StoreCorrupt:  # told when it is read
        return None


def _index_message(
    db: sqlite3.Connection, segment: int, message_id: MessageId, first: int, text: str
) -> None:
    row = db.execute(
        "SELECT key, text FROM said WHERE session = ? AND message = ?", (segment, message_id)
    ).fetchone()
    if row is None:
        key = db.execute(
            "INSERT INTO said (session, message, first, text) VALUES (?, ?, ?, ?)",
            (segment, message_id, first, text),
        ).lastrowid
    else:
        key, before = row
        _forget_words(db, key, before)
        text = before + text
        db.execute("UPDATE said SET text = ? WHERE key = ?", (text, key))
    db.execute("INSERT INTO said_words (rowid, text) VALUES (?, ?)", (key, text))


def _forget_words(db: sqlite3.Connection, key: int, text: str) -> None:
    db.execute("INSERT INTO said_words (said_words, rowid, text) VALUES ('delete', ?, ?)", (key, text))


def _look_up(db: sqlite3.Connection, wanted: tuple[str, ...], cwd: str | None, limit: int) -> list[Found]:
    forks = _forks(db)
    words_of: defaultdict[int, set[str]] = defaultdict(set)
    messages: defaultdict[int, dict[int, int]] = defaultdict(dict)  # session → message → words it has
    for word in wanted:
        for key, segment, first in db.execute(
            "SELECT key, session, first FROM said WHERE key IN"
            " (SELECT rowid FROM said_words WHERE said_words MATCH ?)",
            (f'"{word}"*',),
        ):
            for session in _readers(segment, first, forks):
                words_of[session].add(word)
                messages[session][key] = messages[session].get(key, 0) + 1
    for session, title in _titles(db, wanted):
        in_title = words(title)
        words_of[session].update(word for word in wanted if any(each.startswith(word) for each in in_title))
    complete = [session for session, found in words_of.items() if len(found) == len(wanted)]
    rows = [row for session in complete if (row := _row(db, session, cwd)) is not None]
    rows.sort(reverse=True)
    return [
        Found(session_id, changed, n_events, record, _excerpt(db, messages[key], wanted))
        for changed, session_id, key, n_events, record in rows[:limit]
    ]


def _forks(db: sqlite3.Connection) -> dict[int, list[tuple[int, int]]]:
    """Segment → the forks that refer to it, each with the last event it sees."""
    forks: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for session, parent, last in db.execute("SELECT session, parent, last FROM forks"):
        forks[parent].append((session, last))
    return forks


def _readers(segment: int, number: int, forks: dict[int, list[tuple[int, int]]]) -> Iterator[int]:
    """The sessions in whose journals an event is; those that are gone may be among them."""
    yield segment
    for fork, last in forks.get(segment, ()):
        if number <= last:
            yield from _readers(fork, 0, forks)


def _titles(db: sqlite3.Connection, wanted: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Titles that may have one of the words."""
    decoder = msgspec.json.Decoder(_Titled)
    for key, record in db.execute("SELECT key, record FROM sessions WHERE n_events > 0"):
        try:
            title = decoder.decode(record).title
        except (msgspec.MsgspecError, TypeError):  # told when it is opened
            continue
        folded = fold(title or "")
        if any(word in folded for word in wanted):
            yield key, title or ""


def _row(db: sqlite3.Connection, session: int, cwd: str | None) -> tuple[int, str, int, int, bytes] | None:
    return db.execute(
        "SELECT changed, id, key, n_events, record FROM sessions WHERE key = ? AND coalesce(cwd = ?, 1)",
        (session, cwd),
    ).fetchone()


def _excerpt(db: sqlite3.Connection, messages: dict[int, int], wanted: tuple[str, ...]) -> str:
    """Text around a word in the message that has most of them; nothing if only the title has any."""
    if not messages:
        return ""
    best = max(messages, key=lambda key: (messages[key], key))
    (text,) = db.execute("SELECT text FROM said WHERE key = ?", (best,)).fetchone()
    return excerpt(text, wanted)
