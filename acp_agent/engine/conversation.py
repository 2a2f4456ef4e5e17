"""A live session as those see it that work for it: commands, going back, MCP servers, aids.

They are parts of a session and know it by this protocol alone, so that imports run one way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from acp_agent.base.clock import Clock
from acp_agent.base.ids import SessionId
from acp_agent.engine.aids.aids import Aids
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.journal import Journal
from acp_agent.engine.permission.rules import Rules
from acp_agent.engine.state import SessionState
from acp_agent.engine.turns.answering import AnswerContext
from acp_agent.model import events
from acp_agent.model.session import ModelInfo, SessionRecord
from acp_agent.ports import Host, Workspace


class Conversation(Protocol):
    """What a `Session` offers to its own parts; each is described there too."""

    id: SessionId
    host: Host
    workspace: Workspace
    rules: Rules
    state: SessionState
    transcript: Transcript
    journal: Journal
    aids: Aids
    now: Clock

    @property
    def record(self) -> SessionRecord:
        """What lists show of it now."""
        ...

    @property
    def model(self) -> ModelInfo:
        """The model that is asked next."""
        ...

    def models(self) -> tuple[ModelInfo, ...]:
        """The models that can be chosen."""
        ...

    async def set_model(self, model: str) -> None:
        """Ask another model from the next step on."""
        ...

    async def set_mode(self, mode: str) -> None:
        """Handle permissions differently from the next call on."""
        ...

    def stored_events(self) -> AsyncIterator[events.Event]:
        """Everything the store holds of it; still only while the journal is held."""
        ...

    def answer_context(self) -> AnswerContext:
        """What answering a prompt now works with."""
        ...
