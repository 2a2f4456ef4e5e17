"""Going back: which messages of the user a session can be rewound to, and clearing and rewinding it.

The journal keeps everything and a replay shows everything; only what the model is told changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from acp_agent.base.errors import InvalidChoice
from acp_agent.base.ids import MessageId
from acp_agent.engine.context.size import context_tokens
from acp_agent.model import events
from acp_agent.model.content import Content, Text

if TYPE_CHECKING:
    from acp_agent.engine.conversation import Conversation

MAX_FIRST_WORDS = 80


class RewindPoint(msgspec.Struct, frozen=True):
    """A message of the user that the session can go back to before.

    `words` is the beginning of what was said, in one line, empty if that was no text.
    """

    message_id: MessageId
    words: str
    at: datetime | None


async def rewind_points(journal: AsyncIterable[events.Event]) -> tuple[RewindPoint, ...]:
    """The messages of the user that a session with these events can be rewound to, oldest first."""
    points: dict[MessageId, RewindPoint] = {}
    at: datetime | None = None
    async for event in journal:
        match event:
            case events.TurnStarted(_, began):
                at = began
            case events.UserSaid(message_id, content):
                points.pop(message_id, None)
                points[message_id] = RewindPoint(message_id, first_words(content), at)
            case events.Rewound(message_id) if message_id in points:
                ids = list(points)
                for undone in ids[ids.index(message_id) :]:
                    del points[undone]
            case _:
                pass
    return tuple(points.values())


async def events_before(journal: AsyncIterable[events.Event], message_id: MessageId) -> int:
    """How many events a journal had before this message of the user, and the turn that it began.

    Raises:
        InvalidChoice: it has no such message.
    """
    began: int | None = None  # the turn whose first message is yet to come
    number = 0
    known: list[str] = []
    async for event in journal:
        match event:
            case events.TurnStarted():
                began = number
            case events.UserSaid(said_id):
                if said_id == message_id:
                    return number if began is None else began
                began = None
                known.append(said_id)
            case _:
                pass
        number += 1
    raise InvalidChoice("message", message_id, tuple(known))


async def rewind(session: Conversation, message_id: MessageId) -> None:
    """Let the model forget this message of the user and everything from there on.

    No prompt may be worked on meanwhile, except one that does nothing else.

    Raises:
        InvalidChoice: there is no such message, or the session was rewound to before it already.
    """
    if not session.transcript.past.knows(message_id):
        points = await rewind_points(session.stored_events())
        raise InvalidChoice("message", message_id, tuple(point.message_id for point in points))
    await session.journal.record(events.Rewound(message_id, session.now()))
    await _tell_size(session)


async def clear(session: Conversation) -> None:
    """Let the model forget everything that was said; a rewind brings it back.

    No prompt may be worked on meanwhile, except one that does nothing else.
    """
    await session.journal.record(events.HistoryCleared(session.now()))
    await _tell_size(session)


def first_words(content: tuple[Content, ...]) -> str:
    """The beginning of what the user said, in one line."""
    text = next((part.text for part in content if isinstance(part, Text) and part.text.strip()), "")
    line = " ".join(text.split())
    return line if len(line) <= MAX_FIRST_WORDS else line[: MAX_FIRST_WORDS - 1].rstrip() + "…"


async def _tell_size(session: Conversation) -> None:
    used = context_tokens(session.transcript.past, 0)
    await session.journal.record(events.UsageChanged(used, session.model.context_size, session.state.cost))
