"""What a session is at this moment, folded from its events: what was chosen, granted, planned, spent."""

from __future__ import annotations

from datetime import datetime

import msgspec

from acp_agent.base.ids import CompactionId, SessionId, TurnId
from acp_agent.engine.permission import policy
from acp_agent.engine.permission.rules import Ruling
from acp_agent.engine.spending import Spending
from acp_agent.engine.subagents.background import BackgroundTasks
from acp_agent.model import events
from acp_agent.model.session import ModeId
from acp_agent.model.toolcall import PlanEntry


class SessionState(msgspec.Struct):
    """A running fold; `apply` takes events in journal order."""

    mode: ModeId
    model: str
    title: str | None = None
    updated_at: datetime | None = None
    open_turn: TurnId | None = None
    open_compaction: CompactionId | None = None
    grants: policy.Grants = msgspec.field(default_factory=policy.Grants)
    rules: dict[str, Ruling] = {}
    chosen: dict[str, str | bool] = {}
    plan: tuple[PlanEntry, ...] = ()
    open_subagents: dict[SessionId, None] = {}
    spending: Spending = msgspec.field(default_factory=Spending)
    background: BackgroundTasks = msgspec.field(default_factory=BackgroundTasks)

    @property
    def cost(self) -> float | None:
        """US dollars spent so far, None while no price was known."""
        return self.spending.cost

    def apply(self, event: events.Event) -> None:
        """Take one event in."""
        self.spending.apply(event)
        self.background.apply(event)
        match event:
            case events.ModeChanged(mode):
                self.mode = mode
            case events.ModelChanged(model):
                self.model = model
            case events.OptionChanged(option_id, value):
                self.chosen[option_id] = value
            case events.PlanChanged(entries):
                self.plan = entries
            case events.TitleChanged(title, at):
                self.title, self.updated_at = title, at
            case events.PermissionDecided(_, subject, decision):
                policy.remember(self.grants, subject, decision)
            case events.PermissionRevoked(subject):
                policy.forget(self.grants, subject)
            case events.RuleSet(rule, ruling):
                self.rules.pop(rule, None)
                if ruling is not None:
                    self.rules[rule] = ruling
            case events.TurnStarted(turn_id, at):
                self.open_turn, self.updated_at = turn_id, at
            case events.TurnEnded(_, _, at):
                self.open_turn, self.updated_at = None, at
            case events.SubagentStarted(agent_id):
                self.open_subagents[agent_id] = None
            case events.SubagentChanged(agent_id, state) if state not in ("running", "waiting"):
                self.open_subagents.pop(agent_id, None)
            case events.CompactionStarted(compaction_id):
                self.open_compaction = compaction_id
            case events.CompactionEnded():
                self.open_compaction = None
            case _:
                pass
