"""A subagent's journal: kept in its session's, as what the subagent said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from acp_agent.base.ids import SessionId
from acp_agent.engine.journal import Journal, JournalStore
from acp_agent.model import events
from acp_agent.model.session import SessionRecord


def subagent_journal(parent: Journal, agent_id: SessionId, fold: Callable[[events.Event], None]) -> Journal:
    """A journal of its own that stores and tells through `parent`.

    What streams arrives there joined, a few times a second. What the subagent shows, what its steps used,
    what the user decides and what they should know is passed on; its history with the model ends with it.
    """
    journal = Journal(_Relay(parent, agent_id), agent_id, fold=fold, publish=lambda _: None)
    journal.begin(None)
    return journal


class _Relay:
    def __init__(self, parent: Journal, agent_id: SessionId) -> None:
        self._parent = parent
        self._agent_id = agent_id

    async def create(self, record: SessionRecord) -> None:
        """Nothing: it is part of its session."""

    async def append(self, session_id: SessionId, events: Sequence[events.Event]) -> None:
        """Record what concerns others."""
        passed = [shown for event in events if (shown := self._passed_on(event)) is not None]
        if passed:
            await self._parent.record(*passed)

    async def sync(self, session_id: SessionId) -> None:
        """Sync the session."""
        await self._parent.sync()

    def _passed_on(self, event: events.Event) -> events.Event | None:
        match event:
            case (
                events.TextChunk()
                | events.ThoughtChunk()
                | events.CallShown()
                | events.PlanChanged()
                | events.StepEnded()
            ):
                return events.SubagentSaid(self._agent_id, event)
            case events.PermissionDecided() | events.FileKept() | events.Noticed():
                return event
            case _:
                return None


if TYPE_CHECKING:
    _: type[JournalStore] = _Relay
