"""Everything a session can say. A session's journal is an ordered list of these, and nothing else leaves it.

The union `Event` is closed: consumers match every arm and end with `assert_never`. Stored events carry a
type tag; fields may be added with defaults, never renamed or removed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import CompactionId, MessageId, SessionId, ToolCallId, TurnId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.chat import FinishReason, Usage
from acp_agent.model.command import CommandInfo
from acp_agent.model.content import Audio, Content, Image, Text
from acp_agent.model.context import AidNews
from acp_agent.model.fault import TurnFault as TurnFault
from acp_agent.model.instructions import KnownFile
from acp_agent.model.limits import LimitHit
from acp_agent.model.permission import Decision
from acp_agent.model.planning import PlanningEvent
from acp_agent.model.session import ModeId, StopReason
from acp_agent.model.subagent import SubagentState
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


class NoteAdded(msgspec.Struct, frozen=True, tag="note_added"):
    """What the agent itself tells the model along with a user's message; the user is not shown it.

    Without a `message_id` it is told behind everything before it. `files` are the instruction files as the
    model knows them from here on, None if it is about others. `tasks` in the background are those whose end
    it tells.
    """

    message_id: MessageId | None
    text: str
    files: tuple[KnownFile, ...] | None = None
    tasks: tuple[SessionId, ...] = ()


class Instructed(msgspec.Struct, frozen=True, tag="instructed"):
    """What the model is told before everything else, from here on.

    Attributes:
        rules: how to work, whatever the session.
        session: facts of this session, and the text of instruction files.
        roots: the session's directories when it was put together.
        files: the instruction files in it.
    """

    rules: str
    session: str
    roots: tuple[str, ...]
    files: tuple[KnownFile, ...] = ()


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


class PermissionRevoked(msgspec.Struct, frozen=True, tag="permission_revoked"):
    """The "always" answers about `subject` are forgotten."""

    subject: str


class RuleSet(msgspec.Struct, frozen=True, tag="rule_set"):
    """A permission rule of this session alone, such as `Bash(npm test)`; taken back without a `ruling`."""

    rule: str
    ruling: Literal["allow", "ask", "deny"] | None


class FileKept(msgspec.Struct, frozen=True, tag="file_kept"):
    """The agent is about to write a file; told before it does, never shown.

    Attributes:
        path: absolute.
        after: SHA-256 of the UTF-8 text that is written, None if the file is removed.
        existed: whether there was a file before.
        blob: names its UTF-8 text in the store; None if there was none or it was too large to keep.
        call_id: the call that does it; None if the user took changes back.
    """

    path: str
    after: str | None
    existed: bool
    blob: str | None = None
    call_id: ToolCallId | None = None


class CommandGiven(msgspec.Struct, frozen=True, tag="command_given"):
    """A prompt that was a command to the agent itself; the model never hears of it."""

    message_id: MessageId
    content: tuple[Content, ...]


class CommandAnswered(msgspec.Struct, frozen=True, tag="command_answered"):
    """What the agent itself says to a command, in Markdown; the model never hears of it."""

    message_id: MessageId
    text: str


class CommandsOffered(msgspec.Struct, frozen=True, tag="commands_offered"):
    """The complete list of commands as it is now. Told, never stored: each process finds its own."""

    commands: tuple[CommandInfo, ...]


class PlanChanged(msgspec.Struct, frozen=True, tag="plan_changed"):
    """The complete plan as it is now."""

    entries: tuple[PlanEntry, ...]


class PlanningTold(msgspec.Struct, frozen=True, tag="planning"):
    """How the plan and the goal of the turn come about and fare; what the plan is says `PlanChanged`."""

    event: PlanningEvent


class UsageChanged(msgspec.Struct, frozen=True, tag="usage_changed"):
    """Tokens in the context of the last request, of how many; cost of the session in US dollars if known."""

    used: int
    size: int
    cost: float | None


class HistoryCleared(msgspec.Struct, frozen=True, tag="history_cleared"):
    """The model is told nothing of what was before this."""

    at: datetime


class Rewound(msgspec.Struct, frozen=True, tag="rewound"):
    """The model is told nothing of this user's message and of what was said and done from there on."""

    message_id: MessageId
    at: datetime


class ContextPruned(msgspec.Struct, frozen=True, tag="context_pruned"):
    """Long results of calls up to `through`, and pictures before it, are told to the model as a note only."""

    through: ToolCallId


class CompactionStarted(msgspec.Struct, frozen=True, tag="compaction_started"):
    """The older part of the history is being summarized; `CompactionEnded` follows.

    `auto`: it is getting long; `manual`: the user asked for it; `overflow`: the model refused it as too long.
    """

    compaction_id: CompactionId
    trigger: Literal["auto", "manual", "overflow"]
    focus: str = ""


class SummaryChunk(msgspec.Struct, frozen=True, tag="summary"):
    """More of a summary being written; stored chunks of one compaction may be joined."""

    compaction_id: CompactionId
    text: str


class CompactionEnded(msgspec.Struct, frozen=True, tag="compaction_ended"):
    """A compaction is over; unless `completed`, the history is what it was.

    Attributes:
        summary: all of it, for people.
        context: what the model is told, as the user's words, in place of everything before what is kept.
        kept_from: the user's message that what is kept begins with.
        kept_from_call: the first call of the step that it begins with, if that is no message of the user.
            Without either nothing is kept.
        tokens_before: size of the context before, estimated.
        tokens_after: size of the context after, estimated.
        usage: what the summary cost.
        error: why it failed, for people.
    """

    compaction_id: CompactionId
    status: Literal["completed", "failed", "cancelled"]
    summary: str = ""
    context: str = ""
    kept_from: MessageId | None = None
    kept_from_call: ToolCallId | None = None
    tokens_before: int = 0
    tokens_after: int = 0
    usage: Usage = Usage()
    error: str = ""


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


class OptionChanged(msgspec.Struct, frozen=True, tag="option_changed"):
    """An option other than mode and model was chosen, such as how long the model thinks."""

    option_id: str
    value: str | bool


class SubagentStarted(msgspec.Struct, frozen=True, tag="subagent_started"):
    """A subagent took up what the call asks for; `agent` is its kind, `prompt` all that it was told."""

    agent_id: SessionId
    call_id: ToolCallId
    agent: str
    title: str
    prompt: str


class SubagentSaid(msgspec.Struct, frozen=True, tag="subagent_said"):
    """Something a subagent shows, or the end of its step; its calls and messages have ids of their own."""

    agent_id: SessionId
    event: TextChunk | ThoughtChunk | CallShown | PlanChanged | StepEnded


class SubagentChanged(msgspec.Struct, frozen=True, tag="subagent_changed"):
    """What a subagent is doing now; all states but `running` and `waiting` are its end.

    `call_id` is the call it waits with, `cost` what all of its work cost in US dollars, told at its end.
    """

    agent_id: SessionId
    state: SubagentState
    call_id: ToolCallId | None = None
    stop_reason: StopReason | None = None
    cost: float | None = None


class AidTold(msgspec.Struct, frozen=True, tag="aid"):
    """What helps the session found, remembered or verified something; only the latter is stored."""

    news: AidNews


class Noticed(msgspec.Struct, frozen=True, tag="noticed"):
    """Something the user should know that is not part of the conversation with the model."""

    severity: Literal["info", "warning", "error"]
    title: str
    detail: str = ""


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
    | NoteAdded
    | Instructed
    | TextChunk
    | ThoughtChunk
    | ThoughtEnded
    | CallRequested
    | CallShown
    | CallAnswered
    | StepEnded
    | PermissionDecided
    | PermissionRevoked
    | RuleSet
    | FileKept
    | CommandGiven
    | CommandAnswered
    | CommandsOffered
    | PlanChanged
    | PlanningTold
    | UsageChanged
    | HistoryCleared
    | Rewound
    | ContextPruned
    | CompactionStarted
    | SummaryChunk
    | CompactionEnded
    | TitleChanged
    | ModeChanged
    | ModelChanged
    | OptionChanged
    | SubagentStarted
    | SubagentSaid
    | SubagentChanged
    | AidTold
    | LimitHit
    | Noticed
    | TurnEnded
)
