"""Questions of permission: what a call would do, what may be answered, what was decided."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.model.toolcall import ToolCallPatch

Effect: TypeAlias = Literal["none", "read", "write", "execute", "other"]
"""What running a call may do to the world; `none` touches nothing but the conversation."""

Decision: TypeAlias = Literal["allow_once", "allow_always", "reject_once", "reject_always", "dismissed"]
"""An answer; `dismissed` (no answer, unknown answer, lost client) is never an approval."""


class ShellCommand(msgspec.Struct, frozen=True):
    """One program called in a shell line.

    Attributes:
        words: the program and its arguments, as far as they are known before the shell works them out.
        complete: no words follow that only the shell can work out.
        names: further names of the program: its file, and the file behind links.
        text: the call as it is written.
        harmless: it touches no file; it prints its words or filters what it is piped.
    """

    words: tuple[str, ...]
    complete: bool = True
    names: tuple[str, ...] = ()
    text: str = ""
    harmless: bool = False


class ShellLine(msgspec.Struct, frozen=True):
    """What is known of a shell line before it runs.

    A plain line is nothing but literal words joined by `&&`, `||`, `;` and `|`: what it runs is certain.

    Attributes:
        text: the line as it is written.
        calls: the commands of a plain line, in order; empty if the line is not plain.
        canonical: a plain line in its one spelling; different lines have different ones.
        unclear: why the line is not plain.
        found: every command found anywhere: in substitutions, in functions, behind programs that run others.
        complete: nothing else can be in it that was not found.
        oversized: it is too large to be looked at.
    """

    text: str
    calls: tuple[ShellCommand, ...] = ()
    canonical: str = ""
    unclear: str = ""
    found: tuple[ShellCommand, ...] = ()
    complete: bool = True
    oversized: bool = False


class Access(msgspec.Struct, frozen=True):
    """What one tool call needs permission for.

    Attributes:
        effect: the strongest thing the call may do.
        paths: absolute, resolved files it reads or changes.
        subject: what an "always" answer remembers, such as the exact command.
        line: the shell line that would run, if it is one.
    """

    effect: Effect
    subject: str
    paths: tuple[str, ...] = ()
    line: ShellLine | None = None


class Choice(msgspec.Struct, frozen=True):
    """One answer offered to the user; `label` is short."""

    id: Decision
    label: str


class PermissionRequest(msgspec.Struct, frozen=True):
    """A question to the user about one announced tool call, of the session or of this subagent of it."""

    session_id: SessionId
    call_id: ToolCallId
    call: ToolCallPatch
    choices: tuple[Choice, ...]
    subagent: SessionId | None = None
