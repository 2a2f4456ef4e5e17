"""Search in PostgreSQL: an index of what was said that follows the journals when somebody searches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.base.errors import StoreCorrupt
from acp_agent.base.ids import MessageId
from acp_agent.model.codec import decode_event
from acp_agent.stores.said import excerpt, joined, said_in, words

if TYPE_CHECKING:
    from psycopg import Connection

_BATCH_ROWS = 500
_MAX_WORD = 200
_MAX_WORDS = 20_000
"""Bounds of what PostgreSQL takes as one word and as the words of one message."""


class Found(NamedTuple):
    """A session that has all the words, as its row tells it."""

    session_id: bytes
    changed: int
    n_events: int
    record: bytes
    excerpt: str


def lexemes(text: str) -> list[str]:
    """The words of a text as they are indexed."""
    return list(dict.fromkeys(word[:_MAX_WORD] for word in words(text)[:_MAX_WORDS]))


def find(db: Connection, wanted: tuple[str, ...], cwd: str | None, limit: int) -> list[Found]:
    """The sessions that have all `wanted` words, last changed first."""
    behind = db.execute("SELECT key FROM acp_sessions WHERE n_indexed < n_events").fetchall()
    for (key,) in behind:
        with db.transaction():
            index_session(db, key)
    return _look_up(db, tuple(word[:_MAX_WORD] for word in wanted), cwd, limit)


def index_session(db: Connection, key: int, *, anew: bool = False) -> None:
    """Index what was added to a session, or anew all there is of a segment. Belongs into a transaction."""
    after = -1
    if not anew:
        row = db.execute("SELECT n_indexed FROM acp_sessions WHERE key = %s FOR UPDATE", (key,)).fetchone()
        if row is None:
            return
        after = row[0] - 1
    while rows := _rows(db, key, after):
        said = ((number, *found) for number, body in rows if (found := _said(body)) is not None)
        for first, message_id, text in joined(said):
            _index_message(db, key, message_id, first, text)
        after = rows[-1][0]
    if not anew:
        db.execute(
            "UPDATE acp_sessions SET n_indexed = greatest(n_indexed, %s) WHERE key = %s", (after + 1, key)
        )


def _rows(db: Connection, key: int, after: int) -> list[tuple[int, bytes]]:
    return db.execute(
        "SELECT number, body FROM acp_events WHERE session = %s AND number > %s ORDER BY number LIMIT %s",
        (key, after, _BATCH_ROWS),
    ).fetchall()


def _said(body: bytes) -> tuple[MessageId, str] | None:
    if not body.startswith((b'{"type":"user_said"', b'{"type":"text"')):
        return None
    try:
        return said_in(decode_event(body))
    except StoreCorrupt:  # told when it is read
        return None


def _index_message(db: Connection, key: int, message_id: MessageId, first: int, text: str) -> None:
    row = db.execute(
        "SELECT text FROM acp_said WHERE session = %s AND message = %s", (key, message_id.encode())
    ).fetchone()
    whole = text if row is None else row[0].decode() + text
    db.execute(
        """
        INSERT INTO acp_said VALUES (%s, %s, %s, %s, array_to_tsvector(%s::text[]))
        ON CONFLICT (session, message) DO UPDATE SET text = excluded.text, words = excluded.words
        """,
        (key, message_id.encode(), first, whole.encode(), lexemes(whole)),
    )


def _look_up(db: Connection, wanted: tuple[str, ...], cwd: str | None, limit: int) -> list[Found]:
    forks: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for session, parent, n_events in db.execute("SELECT session, parent, n_events FROM acp_forks"):
        forks[parent].append((session, n_events))
    words_of: defaultdict[int, set[str]] = defaultdict(set)
    messages: defaultdict[int, dict[tuple[int, bytes], int]] = defaultdict(dict)
    for word in wanted:
        query = f"'{word}':*"
        for segment, message, first in db.execute(
            "SELECT session, message, first FROM acp_said WHERE words @@ %s::tsquery", (query,)
        ):
            for session in _readers(segment, first, forks):
                words_of[session].add(word)
                messages[session][segment, message] = messages[session].get((segment, message), 0) + 1
        for (session,) in db.execute(
            "SELECT key FROM acp_sessions WHERE title_words @@ %s::tsquery", (query,)
        ):
            words_of[session].add(word)
    complete = [session for session, found in words_of.items() if len(found) == len(set(wanted))]
    rows = db.execute(
        """
        SELECT key, id, changed, n_events, record FROM acp_sessions
        WHERE key = ANY(%s) AND n_events > 0 AND (%s::bytea IS NULL OR cwd = %s)
        ORDER BY changed DESC, id DESC LIMIT %s
        """,
        (complete, cwd and cwd.encode(), cwd and cwd.encode(), limit),
    ).fetchall()
    return [
        Found(session_id, changed, n_events, record, _excerpt(db, messages[key], wanted))
        for key, session_id, changed, n_events, record in rows
    ]


def _readers(segment: int, number: int, forks: dict[int, list[tuple[int, int]]]) -> Iterator[int]:
    """The sessions in whose journals an event is; those that are gone may be among them."""
    yield segment
    for fork, n_events in forks.get(segment, ()):
        if number < n_events:
            yield from _readers(fork, 0, forks)


def _excerpt(db: Connection, messages: dict[tuple[int, bytes], int], wanted: tuple[str, ...]) -> str:
    """Text around a word in the message that has most of them; nothing if only the title has any."""
    if not messages:
        return ""
    best = max(messages, key=lambda place: (messages[place], place))
    row = db.execute("SELECT text FROM acp_said WHERE session = %s AND message = %s", best).fetchone()
    return "" if row is None else excerpt(row[0].decode(), wanted)
