"""What an agent may ask of its client, as types for handlers (`on_request`, `on_notification`).

Only what a client acts on has a field of its own; parts that are shown as they come stay JSON.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias, TypeVar

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import object_params


class Message(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all: camelCase on the wire, unknown members ignored, `meta` is `_meta`."""

    METHOD: ClassVar[str]

    meta: JsonObject | None = msgspec.field(name="_meta", default=None)


class RequestPermission(Message, frozen=True, kw_only=True):
    """`session/request_permission`: may this tool call run?"""

    METHOD: ClassVar[str] = "session/request_permission"

    session_id: str
    tool_call: JsonObject
    options: list[JsonObject]


class ReadTextFile(Message, frozen=True, kw_only=True):
    """`fs/read_text_file`; `line` is counted from 1."""

    METHOD: ClassVar[str] = "fs/read_text_file"

    session_id: str
    path: str
    line: int | None = None
    limit: int | None = None


class WriteTextFile(Message, frozen=True, kw_only=True):
    """`fs/write_text_file`."""

    METHOD: ClassVar[str] = "fs/write_text_file"

    session_id: str
    path: str
    content: str


class EnvVariable(msgspec.Struct, frozen=True):
    """One variable of a terminal's environment."""

    name: str
    value: str


class CreateTerminal(Message, frozen=True, kw_only=True):
    """`terminal/create`: start a program, not a shell line."""

    METHOD: ClassVar[str] = "terminal/create"

    session_id: str
    command: str
    args: list[str] | None = None
    env: list[EnvVariable] | None = None
    cwd: str | None = None
    output_byte_limit: int | None = None


class _OfTerminal(Message, frozen=True, kw_only=True):
    session_id: str
    terminal_id: str


class TerminalOutput(_OfTerminal, frozen=True, kw_only=True):
    """`terminal/output`."""

    METHOD: ClassVar[str] = "terminal/output"


class WaitForTerminalExit(_OfTerminal, frozen=True, kw_only=True):
    """`terminal/wait_for_exit`."""

    METHOD: ClassVar[str] = "terminal/wait_for_exit"


class KillTerminal(_OfTerminal, frozen=True, kw_only=True):
    """`terminal/kill`: the program ends, its output stays."""

    METHOD: ClassVar[str] = "terminal/kill"


class ReleaseTerminal(_OfTerminal, frozen=True, kw_only=True):
    """`terminal/release`: the program ends, its id is forgotten."""

    METHOD: ClassVar[str] = "terminal/release"


class CreateElicitation(Message, frozen=True, kw_only=True):
    """`elicitation/create`: a form to fill in (`requested_schema`) or a page to visit (`url`)."""

    METHOD: ClassVar[str] = "elicitation/create"

    mode: str
    message: str
    session_id: str | None = None
    tool_call_id: str | None = None
    requested_schema: JsonObject | None = None
    url: str | None = None
    elicitation_id: str | None = None


class CompleteElicitation(Message, frozen=True, kw_only=True):
    """`elicitation/complete`: what a url elicitation asked for has happened."""

    METHOD: ClassVar[str] = "elicitation/complete"

    elicitation_id: str


class SessionUpdate(Message, frozen=True, kw_only=True):
    """`session/update`: something happened in a session; `update["sessionUpdate"]` says what."""

    METHOD: ClassVar[str] = "session/update"

    session_id: str
    update: JsonObject

    @property
    def kind(self) -> str:
        """The kind of update, such as `agent_message_chunk`; empty if the agent did not say."""
        kind = self.update.get("sessionUpdate")
        return kind if isinstance(kind, str) else ""


MessageT = TypeVar("MessageT", bound=Message)
AnyMessage: TypeAlias = type[Message] | str


def read_message(kind: type[MessageT], params: JsonValue) -> MessageT:
    """The params as this message.

    Raises:
        RpcError: invalid params, naming the first wrong member.
    """
    try:
        return msgspec.convert(object_params(params), kind)
    except msgspec.ValidationError as exc:
        text, _, where = str(exc).partition(" - at `")
        raise invalid_params(where.removeprefix("$").lstrip(".").removesuffix("`"), text) from None
