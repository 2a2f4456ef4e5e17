"""The chat history a model is sent, folded from events. Valid by construction.

Whatever the journal holds (a crash, a cancel, a denial, a lost result), `messages` returns a history every
provider accepts: each tool call is answered exactly once, right after the message that made it; no message
is empty; call ids never repeat. Clearing, rewinding and compacting change only what the model is told: the
journal keeps everything.
"""

from __future__ import annotations

from collections.abc import Set
from typing import assert_never

from msgspec import UNSET

from acp_agent.base.ids import MessageId, ToolCallId
from acp_agent.engine.attachments.images import with_true_type
from acp_agent.engine.attachments.quoting import named, quoted
from acp_agent.engine.context.past import Past
from acp_agent.model import events
from acp_agent.model.chat import ChatMessage, FromAssistant, FromTools, FromUser, Thought, ToolResult, ToolUse
from acp_agent.model.content import Audio, Content, Image, Resource, ResourceLink, Text
from acp_agent.model.planning import StepBegun
from acp_agent.model.toolcall import ToolCallPatch, ToolStatus

UNANSWERED = "The call was interrupted before it returned; its effect is unknown. Check before repeating it."
"""What the model is told of a call that has no recorded result."""

NOTHING_SAID = "(empty message)"
"""What stands for a prompt without any content."""


class Transcript:
    """A running fold; `apply` takes events in journal order.

    `call_ids` are all that ever occurred, so that none is used again.
    """

    def __init__(self) -> None:
        self.call_ids: set[ToolCallId] = set()
        self._past = Past()
        self._shown: dict[ToolCallId, ToolStatus] = {}
        self._said: MessageId | None = None  # the user's last message, while nothing follows it
        self._said_parts: list[tuple[Text | Image | Audio, ...]] = []  # of that message, for the model
        self._parts: list[Text | Thought | ToolUse] = []  # the assistant's step being built
        self._prose: list[str] = []  # text or thought not yet made a part
        self._prose_is_thought = False
        self._answers: dict[ToolCallId, ToolResult] = {}
        self._counted = 0  # tokens of everything up to the end of the step being built

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
            case events.CallShown(call_id, patch):
                status = self._shown.get(call_id, "pending") if patch.status is UNSET else patch.status
                self._shown[call_id] = status
            case events.CallAnswered(call_id, content, is_error):
                self._answers[call_id] = ToolResult(call_id, content, is_error)
            case events.UserSaid(message_id, content):
                self._end_step()
                self._said = message_id
                self._said_parts = [(for_model(part),) for part in content]
                self._past.add_said(message_id, _from_user(self._said_parts))
            case events.Attached(message_id, index, content):
                if message_id == self._said and 0 <= index < len(self._said_parts):
                    self._said_parts[index] = content
                    self._past.correct_said(_from_user(self._said_parts))
            case events.NoteAdded(message_id, text):
                self._add_note(message_id, text)
            case events.PlanningTold(StepBegun(message_id=message_id, text=text)) if text.strip():
                self._end_step()
                self._said = None
                self._past.add_told(message_id, FromUser((Text(text),)))
            case events.StepEnded(_, usage):
                self._counted = usage.input_tokens + usage.output_tokens
            case events.TurnEnded() | events.CompactionStarted():
                self._end_step()
            case (
                events.HistoryCleared() | events.Rewound() | events.ContextPruned() | events.CompactionEnded()
            ):
                self._end_step()
                self._change_past(event)
            case _:
                pass

    def messages(self) -> tuple[ChatMessage, ...]:
        """The history so far, ready to be sent; closes the step being built."""
        return tuple(self.past.messages)

    @property
    def past(self) -> Past:
        """What `messages` returns, and what compaction needs to know of it; closes the step being built."""
        self._end_step()
        return self._past

    @property
    def taken_ids(self) -> Set[ToolCallId]:
        """Ids that no new call may have: somebody knows a call by them."""
        return self.call_ids | self._shown.keys()

    def close_calls(self, status: ToolStatus, why: str) -> list[events.Event]:
        """The events that end every shown call, and answer every requested one, that has not ended yet."""
        ending: list[events.Event] = [
            events.CallShown(call_id, ToolCallPatch(status=status))
            for call_id, shown in self._shown.items()
            if shown in ("pending", "in_progress")
        ]
        return ending + [
            events.CallAnswered(part.call_id, (Text(why),), is_error=True)
            for part in self._parts
            if isinstance(part, ToolUse) and part.call_id not in self._answers
        ]

    def _change_past(
        self, event: events.HistoryCleared | events.Rewound | events.ContextPruned | events.CompactionEnded
    ) -> None:
        self._said = None
        match event:
            case events.HistoryCleared():
                self._past.clear()
            case events.Rewound(message_id):
                self._past.rewind(message_id)
            case events.ContextPruned(through):
                self._past.prune(through)
            case events.CompactionEnded(_, status, _, context, kept_from, kept_from_call):
                start = self._past.place_of(kept_from, kept_from_call)
                if status == "completed" and context.strip() and start is not None:
                    self._past.compact(context, start)
            case _:
                assert_never(event)

    def _add_note(self, message_id: MessageId | None, text: str) -> None:
        if message_id is None:
            self._end_step()
        if self._said is not None and message_id in (self._said, None):
            self._said_parts.append((Text(text),))
            self._past.correct_said(_from_user(self._said_parts))
        elif message_id is None and text.strip():
            self._past.add(FromUser((Text(text),)))

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
        if not self._past.messages:  # nothing was said by the user: it was cleared or rewound
            uses = []
        elif any(not isinstance(part, Thought) for part in self._parts):
            self._said = None
            self._past.add(FromAssistant(tuple(self._parts)))
        if self._counted:
            self._past.count(self._counted)
        if uses:
            missing = (Text(UNANSWERED),)
            results = (
                self._answers.get(use.call_id, ToolResult(use.call_id, missing, is_error=True))
                for use in uses
            )
            self._past.add(FromTools(tuple(results)))
        self._parts, self._answers, self._counted = [], {}, 0


def _from_user(parts: list[tuple[Text | Image | Audio, ...]]) -> FromUser:
    pieces = [piece for part in parts for piece in part]
    said = tuple(piece for piece in pieces if not isinstance(piece, Text) or piece.text.strip())
    return FromUser(said or (Text(NOTHING_SAID),))


def for_model(part: Content) -> Text | Image | Audio:
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
