"""Subagents as clients see them: sessions of their own, or progress inside the call that started them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events
from acp_agent.model.content import shown_text
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.surface.v1.nested_progress import NestedProgress

Addressed: TypeAlias = tuple[SessionId | None, JsonObject]
"""An update, and whose it is; None stands for the session itself."""

SubagentEvent: TypeAlias = events.SubagentStarted | events.SubagentSaid | events.SubagentChanged

_ENDS = ("completed", "failed", "cancelled", "interrupted")


class EventProjector(Protocol):
    """What makes updates of the events of one session."""

    def project(self, event: events.Event) -> list[JsonObject]:
        """The updates of an event."""
        ...


class SubagentSessions:
    """For clients that understand subagents: each is a session that this one owns.

    Args:
        owner: the session that starts them.
        new_projector: makes what tells of one of them.
    """

    def __init__(self, owner: SessionId, new_projector: Callable[[], EventProjector]) -> None:
        self._owner = owner
        self._new_projector = new_projector
        self._projectors: dict[SessionId, EventProjector] = {}
        self._open_calls: dict[SessionId, set[ToolCallId]] = {}

    def project(self, event: SubagentEvent) -> list[Addressed]:
        """The updates in the order they have to leave in."""
        child = event.agent_id
        match event:
            case events.SubagentStarted():
                self._projectors[child], self._open_calls[child] = self._new_projector(), set()
                return self._announced(event)
            case events.SubagentSaid(_, said):
                projector = self._projectors.get(child)
                if projector is None:
                    return []
                self._note_call(child, said)
                return [(child, update) for update in projector.project(said)]
            case events.SubagentChanged():
                if child not in self._projectors:
                    return []  # it was announced before this client came, or has ended
                update: JsonObject = {"sessionUpdate": "subagent_update", "sessionId": child}
                return [*self._closed(event), (None, {**update, "state": _state(event)})]

    def _announced(self, started: events.SubagentStarted) -> list[Addressed]:
        child, message_id = started.agent_id, f"task_{started.agent_id}"
        parties: JsonObject = {"senderSessionId": self._owner, "recipientSessionId": child}
        return [
            (
                None,
                {
                    "sessionUpdate": "subagent_update",
                    "sessionId": child,
                    "title": f"{started.agent}: {started.title}",
                    "description": started.title,
                    "capabilities": {"cancel": {}},
                    "_meta": {"parentToolCallId": started.call_id},
                },
            ),
            (child, {"sessionUpdate": "session_message", "messageId": message_id, **parties}),
            (
                child,
                {
                    "sessionUpdate": "session_message_chunk",
                    "messageId": message_id,
                    "content": {"type": "text", "text": started.prompt},
                },
            ),
            (
                None,
                {"sessionUpdate": "subagent_update", "sessionId": child, "state": {"state": "running"}},
            ),
        ]

    def _note_call(self, child: SessionId, said: events.Event) -> None:
        if isinstance(said, events.CallShown):
            if said.patch.status in ("completed", "failed", "cancelled"):
                self._open_calls[child].discard(said.call_id)
            elif said.patch.status:
                self._open_calls[child].add(said.call_id)

    def _closed(self, changed: events.SubagentChanged) -> list[Addressed]:
        """What ends the calls that are still open at a subagent's end."""
        child = changed.agent_id
        if changed.state not in _ENDS:
            return []
        projector, calls = self._projectors.pop(child), self._open_calls.pop(child)
        return [
            (child, update)
            for call_id in sorted(calls)
            for update in projector.project(events.CallShown(call_id, ToolCallPatch(status="failed")))
        ]


class NestedSubagents:
    """For all other clients: what a subagent does is progress of the call that started it.

    A call of a subagent that the user is asked about is shown as a call of the session, since the question
    shows it as one.

    Args:
        show: tells of a change to a call of the session.
    """

    def __init__(self, show: Callable[[ToolCallId, ToolCallPatch], list[JsonObject]]) -> None:
        self._show = show
        self._running: dict[SessionId, NestedProgress] = {}

    def project(self, event: SubagentEvent) -> list[Addressed]:
        """The updates, all of them the session's."""
        if isinstance(event, events.SubagentStarted):
            self._running[event.agent_id] = NestedProgress(event.call_id)
            return []
        progress = self._running.get(event.agent_id)
        if progress is None:
            return []
        if isinstance(event, events.SubagentSaid):
            return [(None, update) for update in self._said(progress, event.event)]
        if event.state in _ENDS:
            del self._running[event.agent_id]
            failed = ToolCallPatch(status="failed")
            ending = [(call_id, failed) for call_id in progress.open_asked_calls()]
        else:
            ending = [(event.call_id, progress.ask(event.call_id))] if event.call_id else []
        return [(None, update) for call_id, patch in ending for update in self._show(call_id, patch)]

    def _said(self, progress: NestedProgress, said: events.Event) -> list[JsonObject]:
        updates: list[JsonObject] = []
        if isinstance(said, events.CallShown) and progress.is_asked(said.call_id):
            updates += self._show(said.call_id, said.patch)
        text = progress.apply(said)
        if text:
            updates += self._show(progress.call_id, ToolCallPatch(content=(shown_text(text),)))
        return updates


def _state(changed: events.SubagentChanged) -> JsonObject:
    match changed.state:
        case "running":
            return {"state": "running"}
        case "waiting":
            return {"state": "requires_action"}
        case "completed" | "cancelled" | "failed":
            reason = changed.stop_reason or {"completed": "end_turn", "failed": "error"}.get(
                changed.state, "cancelled"
            )
            return {"state": "idle", "stopReason": reason}
        case "interrupted":  # nobody knows how far it was
            return {"state": "idle"}
