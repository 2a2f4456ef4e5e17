"""What is saved of a session, and the protocols of the places where it is saved."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.sdk.embed.events.messages import Message

FORMAT = 1


class SessionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the session was set up. Keys of services are never part of it."""

    workspace: str
    system_prompt: str = ""
    planning_enabled: bool = False
    model: str = ""


class SessionMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message for people and other programs to read."""

    role: str
    content: str

    @classmethod
    def of(cls, message: Message) -> SessionMessage:
        """The text of a message."""
        return cls(message.role, message.content)


class SessionData(msgspec.Struct, frozen=True, kw_only=True):
    """A saved session.

    `messages`, `tasks`, `config`, `tool_names` and the labels are there to be read; a session is resumed
    from `record` and `journal`, which hold everything.

    Attributes:
        tasks: the plan as it is now.
        tool_names: the tools it had; those of a resumed session are found anew.
        created_at: when it began, UTC.
        updated_at: when it was changed last, UTC.
        record: its record as the engine keeps it.
        journal: its events as the engine keeps them, in order.
        blobs: what files held before the agent wrote them, by the names that the journal gives them.
    """

    id: str
    messages: tuple[SessionMessage, ...]
    config: SessionConfig
    tasks: tuple[JsonValue, ...] = ()
    tool_names: tuple[str, ...] = ()
    tenant_id: str | None = None
    principal: str | None = None
    agent_template_id: str | None = None
    correlation_id: str | None = None
    created_at: datetime
    updated_at: datetime
    record: JsonObject
    journal: tuple[JsonObject, ...]
    blobs: dict[str, bytes] = {}
    format: int = FORMAT

    @property
    def todos(self) -> tuple[JsonValue, ...]:
        """The tasks, under their older name."""
        return self.tasks

    def to_json(self) -> bytes:
        """The session as readable JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @classmethod
    def from_json(cls, text: bytes | str) -> SessionData:
        """What `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        return msgspec.json.decode(text, type=cls)


class SessionStore(Protocol):
    """Where whole sessions are saved. Methods may be coroutines; plain ones are called in a thread."""

    def save(self, data: SessionData, /) -> Awaitable[None] | None:
        """Keep the session, in place of what was kept under its id."""
        ...

    def load(self, session_id: str, /) -> SessionData | Awaitable[SessionData | None] | None:
        """The session, or None if there is none of this id."""
        ...

    def delete(self, session_id: str, /) -> bool | Awaitable[bool | None] | None:
        """Forget it; an unknown one is forgotten already."""
        ...

    def list(self) -> list[str] | Awaitable[list[str]]:
        """The ids of all sessions."""
        ...

    def exists(self, session_id: str, /) -> bool | Awaitable[bool]:
        """Whether there is a session of this id."""
        ...


@runtime_checkable
class ClaimingStore(Protocol):
    """What a `SessionStore` has besides if it can keep others from writing a session."""

    def claim(self, session_id: str, /) -> Awaitable[None] | None:
        """Become the only one that writes the session, until `release`; once more does nothing.

        Raises:
            SessionInUse: somebody else does.
        """
        ...

    def release(self, session_id: str, /) -> Awaitable[None] | None:
        """Let others write it; does nothing for one that is not held."""
        ...


class JournalStore(Protocol):
    """A store of the engine, which editors may share; a session is saved there event by event."""

    def open_journals(self) -> ports.SessionStore:
        """The store, to be closed by the caller."""
        ...
