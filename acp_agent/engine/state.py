"""What a session is at this moment, folded from its events: mode, model, title, grants, cost, open turn."""

from __future__ import annotations

from datetime import datetime

import msgspec

from acp_agent.base.ids import TurnId
from acp_agent.engine import policy
from acp_agent.model import events
from acp_agent.model.session import ModeId


class SessionState(msgspec.Struct):
    """A running fold; `apply` takes events in journal order."""

    mode: ModeId
    model: str
    title: str | None = None
    updated_at: datetime | None = None
    cost: float | None = None
    open_turn: TurnId | None = None
    grants: policy.Grants = msgspec.field(default_factory=policy.Grants)

    def apply(self, event: events.Event) -> None:
        """Take one event in."""
        match event:
            case events.ModeChanged(mode):
                self.mode = mode
            case events.ModelChanged(model):
                self.model = model
            case events.TitleChanged(title, at):
                self.title, self.updated_at = title, at
            case events.UsageChanged(_, _, cost):
                self.cost = cost
            case events.PermissionDecided(_, subject, decision):
                policy.remember(self.grants, subject, decision)
            case events.TurnStarted(turn_id, at):
                self.open_turn, self.updated_at = turn_id, at
            case events.TurnEnded(_, _, at):
                self.open_turn, self.updated_at = None, at
            case _:
                pass
