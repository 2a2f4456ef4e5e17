"""Everything a session can say. A session's journal is an ordered list of these, and nothing else leaves it.

The union `Event` is closed: consumers match every arm and end with `assert_never`. Stored events carry a
type tag; fields may be added with defaults, never renamed or removed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.errors import ProviderFault
from acp_agent.base.ids import MessageId, ToolCallId, TurnId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.chat import FinishReason, Usage
from acp_agent.model.content import Audio, Content, Image, Text
from acp_agent.model.permission import Decision
from acp_agent.model.session import ModeId, StopReason
from acp_agent.model.toolcall import PlanEntry, ToolCallPatch


class TurnStarted(msgspec.Struct, frozen=True, tag="turn_started"):
    """A prompt was taken up; until `TurnEnded` everything belongs to it."""

    turn_id: TurnId
    at: datetime


class UserSaid(msgspec.Struct, frozen=True, tag="user_said"):
    """The whole prompt."""

    message_id: MessageId
    content: tuple[Content, ...]


class Attached(msgspec.Struct, frozen=True, tag="attached"):
    """What the model is given in place of part `index` of a user's message, such as a linked file's text."""

    message_id: MessageId
    index: int
    content: tuple[Text | Image | Audio, ...]


class TextChunk(msgspec.Struct, frozen=True, tag="text"):
    """More text of an assistant message; stored chunks of one message may be joined."""

    message_id: MessageId
    text: str


class ThoughtChunk(msgspec.Struct, frozen=True, tag="thought"):
    """More of the model's thinking; stored chunks of one message may be joined."""

    message_id: MessageId
    text: str


class ThoughtEnded(msgspec.Struct, frozen=True, tag="thought_ended"):
    """The thinking before this is complete; `signature` sends it back to its provider."""

    message_id: MessageId
    signature: str


class CallRequested(msgspec.Struct, frozen=True, tag="call_requested"):
    """The model asked for a tool; `CallAnswered` follows for each, whatever happens."""

    call_id: ToolCallId
    name: str
    arguments: JsonObject


class CallShown(msgspec.Struct, frozen=True, tag="call_shown"):
    """A displayed tool call appears or changes (an upsert)."""

    call_id: ToolCallId
    patch: ToolCallPatch


class CallAnswered(msgspec.Struct, frozen=True, tag="call_answered"):
    """What the model is told a call returned."""

    call_id: ToolCallId
    content: tuple[Text | Image, ...]
    is_error: bool


class StepEnded(msgspec.Struct, frozen=True, tag="step_ended"):
    """A model request was answered completely; its calls, if any, run next."""

    reason: FinishReason
    usage: Usage
    model: str


class PermissionDecided(msgspec.Struct, frozen=True, tag="permission_decided"):
    """A question was answered; `subject` is what an "always" covers."""

    call_id: ToolCallId
    subject: str
    decision: Decision


class PlanChanged(msgspec.Struct, frozen=True, tag="plan_changed"):
    """The complete plan as it is now."""

    entries: tuple[PlanEntry, ...]


class UsageChanged(msgspec.Struct, frozen=True, tag="usage_changed"):
    """Tokens in the context of the last request, of how many; cost of the session in US dollars if known."""

    used: int
    size: int
    cost: float | None


class TitleChanged(msgspec.Struct, frozen=True, tag="title_changed"):
    """The session's title for lists."""

    title: str
    at: datetime


class ModeChanged(msgspec.Struct, frozen=True, tag="mode_changed"):
    """Permissions are handled differently from here on."""

    mode: ModeId


class ModelChanged(msgspec.Struct, frozen=True, tag="model_changed"):
    """Another model answers from here on; `provider/model`."""

    model: str


class Noticed(msgspec.Struct, frozen=True, tag="noticed"):
    """Something the user should know that is not part of the conversation with the model."""

    severity: Literal["info", "warning", "error"]
    title: str
    detail: str = ""


class TurnFault(msgspec.Struct, frozen=True):
    """Why a turn failed: which provider, what it said, what to do."""

    message: str
    fault: ProviderFault | Literal["internal", "store"]
    provider: str = ""
    status: int | None = None
    retry_after: float | None = None
    hint: str = ""


class TurnEnded(msgspec.Struct, frozen=True, tag="turn_ended"):
    """The prompt is answered. `fault` is set when `stop_reason` is `error`."""

    turn_id: TurnId
    stop_reason: StopReason
    at: datetime
    fault: TurnFault | None = None


Event: TypeAlias = (
    TurnStarted
    | UserSaid
    | Attached
    | TextChunk
    | ThoughtChunk
    | ThoughtEnded
    | CallRequested
    | CallShown
    | CallAnswered
    | StepEnded
    | PermissionDecided
    | PlanChanged
    | UsageChanged
    | TitleChanged
    | ModeChanged
    | ModelChanged
    | Noticed
    | TurnEnded
)
