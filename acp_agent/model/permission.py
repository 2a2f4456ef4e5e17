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


class Access(msgspec.Struct, frozen=True):
    """What one tool call needs permission for.

    Attributes:
        effect: the strongest thing the call may do.
        paths: absolute, resolved files it reads or changes.
        subject: what an "always" answer remembers, such as the exact command.
    """

    effect: Effect
    subject: str
    paths: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True):
    """One answer offered to the user; `label` is short."""

    id: Decision
    label: str


class PermissionRequest(msgspec.Struct, frozen=True):
    """A question to the user about one announced tool call."""

    session_id: SessionId
    call_id: ToolCallId
    call: ToolCallPatch
    choices: tuple[Choice, ...]
