"""The chat history a model is sent, folded from events. Valid by construction.

Whatever the journal holds (a crash, a cancel, a denial, a lost result), `messages` returns a history every
provider accepts: each tool call is answered exactly once, right after the message that made it; no message
is empty; call ids never repeat.
"""

from __future__ import annotations

from acp_agent.base.ids import MessageId, ToolCallId
from acp_agent.engine.images import with_true_type
from acp_agent.engine.quoting import named, quoted
from acp_agent.model import events
from acp_agent.model.chat import ChatMessage, FromAssistant, FromTools, FromUser, Thought, ToolResult, ToolUse
from acp_agent.model.content import Audio, Content, Image, Resource, ResourceLink, Text
from acp_agent.model.toolcall import ToolCallPatch, ToolStatus

UNANSWERED = "The call was interrupted before it returned; its effect is unknown. Check before repeating it."
"""What the model is told of a call that has no recorded result."""

NOTHING_SAID = "(empty message)"
"""What stands for a prompt without any content."""


class Transcript:
    """A running fold; `apply` takes events in journal order."""

    def __init__(self) -> None:
        self.call_ids: set[ToolCallId] = set()
        self._shown: set[ToolCallId] = set()
        self._messages: list[ChatMessage] = []
        self._said: tuple[MessageId, int] | None = None  # the user's last message and where it stands
        self._said_parts: list[tuple[Text | Image | Audio, ...]] = []  # of that message, for the model
        self._parts: list[Text | Thought | ToolUse] = []  # the assistant's step being built
        self._prose: list[str] = []  # text or thought not yet made a part
        self._prose_is_thought = False
        self._answers: dict[ToolCallId, ToolResult] = {}

    def apply(self, event: events.Event) -> None:
        """Take one event in; those that are not part of the conversation with the model are skipped."""
        match event:
            case events.TextChunk(_, text):
                self._add_prose(text, is_thought=False)
            case events.ThoughtChunk(_, text):
                self._add_prose(text, is_thought=True)
            case events.ThoughtEnded(_, signature):
                self._add_prose("", is_thought=True)  # sealed thinking may have shown no text at all
                self._end_prose(signature)
            case events.CallRequested(call_id, name, arguments) if call_id not in self.call_ids:
                self._begin_part()
                self._end_prose()
                self.call_ids.add(call_id)
                self._parts.append(ToolUse(call_id, name, arguments))
            case events.CallShown(call_id):
                self._shown.add(call_id)
            case events.CallAnswered(call_id, content, is_error):
                self._answers[call_id] = ToolResult(call_id, content, is_error)
            case events.UserSaid(message_id, content):
                self._end_step()
                self._said = (message_id, len(self._messages))
                self._said_parts = [(_for_model(part),) for part in content]
                self._messages.append(_from_user(self._said_parts))
            case events.Attached(message_id, index, content):
                self._replace_part(message_id, index, content)
            case events.TurnEnded():
                self._end_step()
            case _:
                pass

    def messages(self) -> tuple[ChatMessage, ...]:
        """The history so far, ready to be sent; closes the step being built."""
        self._end_step()
        return tuple(self._messages)

    def close_calls(self, status: ToolStatus, why: str) -> list[events.Event]:
        """The events that end every requested call that has no answer yet."""
        ending: list[events.Event] = []
        for part in self._parts:
            if isinstance(part, ToolUse) and part.call_id not in self._answers:
                if part.call_id in self._shown:
                    ending.append(events.CallShown(part.call_id, ToolCallPatch(status=status)))
                ending.append(events.CallAnswered(part.call_id, (Text(why),), is_error=True))
        return ending

    def _replace_part(
        self, message_id: MessageId, index: int, content: tuple[Text | Image | Audio, ...]
    ) -> None:
        if self._said is None or self._said[0] != message_id or not 0 <= index < len(self._said_parts):
            return
        self._said_parts[index] = content
        self._messages[self._said[1]] = _from_user(self._said_parts)

    def _begin_part(self) -> None:
        if self._answers:  # what follows a result belongs to the next step
            self._end_step()

    def _add_prose(self, text: str, *, is_thought: bool) -> None:
        self._begin_part()
        if is_thought != self._prose_is_thought:
            self._end_prose()
            self._prose_is_thought = is_thought
        self._prose.append(text)

    def _end_prose(self, signature: str = "") -> None:
        text = "".join(self._prose)
        self._prose = []
        if self._prose_is_thought and (text or signature):
            self._parts.append(Thought(text, signature))
        elif text.strip():
            self._parts.append(Text(text))

    def _end_step(self) -> None:
        self._end_prose()
        uses = [part for part in self._parts if isinstance(part, ToolUse)]
        if any(not isinstance(part, Thought) for part in self._parts):
            self._messages.append(FromAssistant(tuple(self._parts)))
        if uses:
            missing = (Text(UNANSWERED),)
            self._messages.append(
                FromTools(
                    tuple(
                        self._answers.get(use.call_id, ToolResult(use.call_id, missing, is_error=True))
                        for use in uses
                    )
                )
            )
        self._parts, self._answers = [], {}


def _from_user(parts: list[tuple[Text | Image | Audio, ...]]) -> FromUser:
    pieces = [piece for part in parts for piece in part]
    said = tuple(piece for piece in pieces if not isinstance(piece, Text) or piece.text.strip())
    return FromUser(said or (Text(NOTHING_SAID),))


def _for_model(part: Content) -> Text | Image | Audio:
    """What the part is as long as nothing `Attached` says better."""
    match part:
        case Text() | Audio():
            return part
        case Image():
            return with_true_type(part)
        case Resource(uri, text, _, mime_type):
            if text is None:
                return Text(f"[attached file {named(part)}, {mime_type or 'binary'}, not readable as text]")
            return Text(quoted(uri, text))
        case ResourceLink():
            return Text(f"[file mentioned by the user: {named(part)}; read it if it matters]")
