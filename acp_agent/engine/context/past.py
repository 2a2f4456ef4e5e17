"""What the model is told of the past: messages that can be cleared, rewound, pruned and compacted.

None of that changes a list of messages, it begins another one. So every message of the user remembers the
list it was added to, and a rewind finds the history exactly as it was before that message.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from acp_agent.base.ids import MessageId, ToolCallId
from acp_agent.engine.skills.catalogue import TOOL as SKILL
from acp_agent.model.chat import ChatMessage, FromAssistant, FromTools, FromUser, ToolResult, ToolUse
from acp_agent.model.content import Text

SHORT_RESULT = 400
"""Characters of a call's result that pruning leaves alone."""


class Counted(msgspec.Struct, frozen=True):
    """What the provider counted: tokens of everything up to and including the first `n_messages`."""

    tokens: int
    n_messages: int


class _Line(msgspec.Struct):
    """Messages in order, only ever added to, and where those of the user stand.

    With `has_context` the first message is what a compaction left of the ones before; `skills` were read in
    those.
    """

    messages: list[ChatMessage]
    said: dict[MessageId, int]
    has_context: bool = False
    skills: tuple[str, ...] = ()


class _Mark(msgspec.Struct, frozen=True):
    line: _Line
    n_messages: int
    opening: FromUser | None
    latest: FromUser | None


class Past:
    """The messages told to the model.

    Attributes:
        opening: what the user said first since the history was cleared.
        latest: what the user said last. Both stay when compaction drops their messages.
        counted: what the provider counted of `messages`, or None since they were changed.
    """

    def __init__(self) -> None:
        self.opening: FromUser | None = None
        self.latest: FromUser | None = None
        self.counted: Counted | None = None
        self._line = _Line([], {})
        self._marks: dict[MessageId, _Mark] = {}

    @property
    def messages(self) -> list[ChatMessage]:
        """In order; not to be changed."""
        return self._line.messages

    @property
    def has_context(self) -> bool:
        """Whether the first message is what a compaction left of those before."""
        return self._line.has_context

    def knows(self, message_id: MessageId) -> bool:
        """Whether it is a message of the user that can be rewound to."""
        return message_id in self._marks

    def id_at(self, index: int) -> MessageId | None:
        """The id of the user's message that stands there."""
        return next((message_id for message_id, place in self._line.said.items() if place == index), None)

    def add(self, message: ChatMessage) -> None:
        """Add what was not said by the user."""
        self.messages.append(message)

    def add_said(self, message_id: MessageId, message: FromUser) -> None:
        """Add what the user said."""
        line = self._line
        self._marks.pop(message_id, None)
        self._marks[message_id] = _Mark(line, len(line.messages), self.opening, self.latest)
        line.said[message_id] = len(line.messages)
        line.messages.append(message)
        self.latest = message
        if self.opening is None:
            self.opening = message

    def add_told(self, message_id: MessageId, message: FromUser) -> None:
        """Add what the agent itself says in the user's place: nothing can be rewound to it."""
        self._line.said[message_id] = len(self.messages)
        self.messages.append(message)

    def correct_said(self, message: FromUser) -> None:
        """Replace what the user said last; nothing was said or changed since."""
        if self.opening is self.latest:
            self.opening = message
        self.latest = self.messages[-1] = message

    def count(self, tokens: int) -> None:
        """Note what the provider counted of everything so far."""
        self.counted = Counted(tokens, len(self.messages))

    def clear(self) -> None:
        """Tell nothing any more."""
        self.opening = self.latest = None
        self._begin(_Line([], {}))

    def rewind(self, message_id: MessageId) -> None:
        """Go back to before this message of the user; an unknown one changes nothing."""
        mark = self._marks.get(message_id)
        if mark is None:
            return
        ids = list(self._marks)
        for undone in ids[ids.index(message_id) :]:
            del self._marks[undone]
        self.opening, self.latest = mark.opening, mark.latest
        line = mark.line
        said = {one: place for one, place in line.said.items() if place < mark.n_messages}
        self._begin(_Line(line.messages[: mark.n_messages], said, line.has_context, line.skills))

    def prune(self, through: ToolCallId) -> None:
        """Replace long results up to this call's, and pictures and sounds before it, by a note.

        What the user said last stays as it is.
        """
        end = next((n for n, one in enumerate(self.messages) if _answers(one, through)), None)
        if end is not None:
            pruned = [
                message if message is self.latest else prune_message(message)
                for message in self.messages[: end + 1]
            ]
            line, messages = self._line, [*pruned, *self.messages[end + 1 :]]
            self._begin(_Line(messages, dict(line.said), line.has_context, line.skills))

    def compact(self, context: str, start: int) -> None:
        """Tell `context` in place of the messages before `start`."""
        said = {one: place - start + 1 for one, place in self._line.said.items() if place >= start}
        messages = [FromUser((Text(context),)), *self.messages[start:]]
        self._begin(_Line(messages, said, has_context=True, skills=self._skills_read(start)))

    def skills_dropped(self, start: int) -> tuple[str, ...]:
        """The skills that were read once and whose text the model has no more without the messages before."""
        kept = skills_in(self.messages[start:])
        return tuple(name for name in self._skills_read(start) if name not in kept)

    def place_of(self, message_id: MessageId | None, call_id: ToolCallId | None) -> int | None:
        """Where the user's message, or the step that made the call, stands; the end if neither is given."""
        if message_id is not None:
            return self._line.said.get(message_id)
        if call_id is None:
            return len(self.messages)
        return next((n for n, one in enumerate(self.messages) if _makes(one, call_id)), None)

    def _skills_read(self, end: int) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._line.skills, *skills_in(self.messages[:end]))))

    def _begin(self, line: _Line) -> None:
        self._line = line
        self.counted = None


def skills_in(messages: Sequence[ChatMessage]) -> tuple[str, ...]:
    """The skills that the model read in these messages."""
    failed = {
        result.call_id
        for message in messages
        if isinstance(message, FromTools)
        for result in message.results
        if result.is_error
    }
    return tuple(
        name
        for message in messages
        if isinstance(message, FromAssistant)
        for part in message.content
        if isinstance(part, ToolUse) and part.name == SKILL and part.call_id not in failed
        if isinstance(name := part.arguments.get("skill_name"), str)
    )


def prune_message(message: ChatMessage) -> ChatMessage:
    """The message with a note in place of what takes much room; itself if nothing does."""
    match message:
        case FromUser(content) if any(not isinstance(part, Text) for part in content):
            return FromUser(
                tuple(
                    part if isinstance(part, Text) else Text("[attachment dropped to save room]")
                    for part in content
                )
            )
        case FromTools(results):
            return FromTools(tuple(_prune_result(result) for result in results))
        case _:
            return message


def _prune_result(result: ToolResult) -> ToolResult:
    n_chars = sum(len(part.text) for part in result.content if isinstance(part, Text))
    if n_chars <= SHORT_RESULT and all(isinstance(part, Text) for part in result.content):
        return result
    note = f"[{n_chars:,} characters of output dropped to save room; call the tool again if they matter]"
    return ToolResult(result.call_id, (Text(note),), result.is_error)


def _answers(message: ChatMessage, call_id: ToolCallId) -> bool:
    return isinstance(message, FromTools) and any(result.call_id == call_id for result in message.results)


def _makes(message: ChatMessage, call_id: ToolCallId) -> bool:
    return isinstance(message, FromAssistant) and any(
        isinstance(part, ToolUse) and part.call_id == call_id for part in message.content
    )
