"""Events to version 1 updates: one total function, for live sessions and for replay alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import content, events
from acp_agent.model.command import CommandInfo
from acp_agent.model.limits import LimitHit
from acp_agent.surface.v1.compaction import CompactionEvent, compaction_notice, compaction_update
from acp_agent.surface.v1.content_projection import content_block
from acp_agent.surface.v1.plan_projection import goal_notice, plan_update, plan_update_by_id
from acp_agent.surface.v1.subagent_projection import Addressed, NestedSubagents, SubagentSessions
from acp_agent.surface.v1.tool_projection import CallProjection


class Projector:
    """Projects one session's events for one client.

    Args:
        options: the complete list of config options as it is now.
        notices: whether the client draws notices; without, they become message or thought chunks.
        compactions: whether the client draws compactions; without, they become notices.
        plans: whether the client keeps plans by id; without, it gets the plan alone.
        terminals_in: the session's directory if the client draws terminals for commands we run, else None.
        subagents_of: the session if the client understands subagents; without, they are progress of calls.

    `replaying` is set while history is sent: only then are the user's own messages repeated.
    """

    def __init__(
        self,
        options: Callable[[], list[JsonValue]],
        *,
        notices: bool,
        compactions: bool = False,
        plans: bool = False,
        terminals_in: str | None = None,
        subagents_of: SessionId | None = None,
    ) -> None:
        self.replaying = False
        self._options = options
        self._notices = notices
        self._compactions = compactions
        self._plans = plans
        self._calls = CallProjection(terminals_in)
        self._subagents = (
            NestedSubagents(self._calls.project)
            if subagents_of is None
            else SubagentSessions(
                subagents_of, lambda: Projector(options, notices=notices, terminals_in=terminals_in)
            )
        )
        self._n_notices = 0

    def addressed(self, event: events.Event) -> list[Addressed]:
        """The updates, in order, that tell the client about this event, and whose they are."""
        if isinstance(event, events.SubagentStarted | events.SubagentSaid | events.SubagentChanged):
            return self._subagents.project(event)
        return [(None, update) for update in self.project(event)]

    def project(self, event: events.Event) -> list[JsonObject]:
        """Those of them that are the session's own; often one, sometimes none."""
        match event:
            case events.TextChunk(message_id, text):
                return [_chunk("agent_message_chunk", message_id, text)]
            case events.ThoughtChunk(message_id, text):
                return [_chunk("agent_thought_chunk", message_id, text)]
            case events.CallShown(call_id, patch):
                return self._calls.project(call_id, patch)
            case events.CommandAnswered(message_id, text):
                return [_chunk("agent_message_chunk", message_id, text)]
            case events.CommandsOffered(commands):
                return [_commands(commands)]
            case events.UserSaid(message_id, parts) | events.CommandGiven(message_id, parts):
                return self._user_message(message_id, parts)
            case events.PlanChanged(entries):
                return [plan_update_by_id(entries) if self._plans else plan_update(entries)]
            case events.PlanningTold(told):
                notice = goal_notice(told)
                return [] if notice is None else [self._notice(notice)]
            case events.UsageChanged(used, size, cost):
                return [_usage(used, size, cost)]
            case events.TitleChanged(title, at):
                return [
                    {"sessionUpdate": "session_info_update", "title": title, "updatedAt": at.isoformat()},
                ]
            case events.ModeChanged(mode):
                return [
                    {"sessionUpdate": "current_mode_update", "currentModeId": mode},
                    {"sessionUpdate": "config_option_update", "configOptions": self._options()},
                ]
            case events.ModelChanged() | events.OptionChanged():
                return [{"sessionUpdate": "config_option_update", "configOptions": self._options()}]
            case events.CompactionStarted() | events.SummaryChunk() | events.CompactionEnded():
                return self._compaction(event)
            case events.SubagentStarted() | events.SubagentSaid() | events.SubagentChanged():
                return [update for whose, update in self.addressed(event) if whose is None]
            case LimitHit(message=message):
                return [self._notice(events.Noticed("warning", event.title, message))]
            case events.Noticed():
                return [self._notice(event)]
            case (
                events.TurnStarted()
                | events.Attached()
                | events.NoteAdded()
                | events.Instructed()
                | events.ThoughtEnded()
                | events.CallRequested()
                | events.CallAnswered()
                | events.StepEnded()
                | events.PermissionDecided()
                | events.PermissionRevoked()
                | events.RuleSet()
                | events.FileKept()
                | events.HistoryCleared()
                | events.Rewound()
                | events.ContextPruned()
                | events.AidTold()
                | events.TurnEnded()
            ):
                return []
            case _:
                assert_never(event)

    def _user_message(self, message_id: str, parts: tuple[content.Content, ...]) -> list[JsonObject]:
        if not self.replaying:
            return []  # the client drew it when the user sent it
        return [
            {"sessionUpdate": "user_message_chunk", "messageId": message_id, "content": content_block(part)}
            for part in parts
        ]

    def _compaction(self, event: CompactionEvent) -> list[JsonObject]:
        if self._compactions:
            return [compaction_update(event)]
        notice = compaction_notice(event)
        return [] if notice is None else [self._notice(notice)]

    def _notice(self, notice: events.Noticed) -> JsonObject:
        if self._notices:
            update: JsonObject = {
                "sessionUpdate": "notice",
                "severity": notice.severity,
                "title": notice.title,
            }
            if notice.detail:
                update["description"] = notice.detail
            return update
        kind = "agent_thought_chunk" if notice.severity == "info" else "agent_message_chunk"
        self._n_notices += 1
        text = f"{notice.title}: {notice.detail}" if notice.detail else notice.title
        return _chunk(kind, f"notice_{self._n_notices}", f"{text}\n\n")


def _chunk(kind: str, message_id: str, text: str) -> JsonObject:
    return {"sessionUpdate": kind, "messageId": message_id, "content": {"type": "text", "text": text}}


def _commands(commands: tuple[CommandInfo, ...]) -> JsonObject:
    offered: list[JsonValue] = []
    for command in commands:
        entry: JsonObject = {"name": command.name, "description": command.description}
        if command.hint:
            entry["input"] = {"hint": command.hint}
        offered.append(entry)
    return {"sessionUpdate": "available_commands_update", "availableCommands": offered}


def _usage(used: int, size: int, cost: float | None) -> JsonObject:
    update: JsonObject = {"sessionUpdate": "usage_update", "used": used, "size": size}
    if cost is not None:
        update["cost"] = {"amount": round(cost, 6), "currency": "USD"}
    return update
