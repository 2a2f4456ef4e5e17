"""What a session and its subagents used of models, in all and for the last prompt; folded from its events."""

from __future__ import annotations

import msgspec

from acp_agent.model import events
from acp_agent.model.chat import Usage
from acp_agent.model.planning import AskedAside


class Spending(msgspec.Struct):
    """A running fold. Costs are US dollars, None while no price was known."""

    total: Usage = Usage()
    last: Usage = Usage()
    cost: float | None = None
    context_used: int = 0
    context_size: int = 0
    _cost_before: float | None = None

    @property
    def last_cost(self) -> float | None:
        """What the last prompt cost."""
        return None if self.cost is None else self.cost - (self._cost_before or 0.0)

    def apply(self, event: events.Event) -> None:
        """Take one event in."""
        match event:
            case events.UserSaid():
                self.last, self._cost_before = Usage(), self.cost
            case events.StepEnded(_, usage) | events.SubagentSaid(_, events.StepEnded(_, usage)):
                self.total, self.last = _sum(self.total, usage), _sum(self.last, usage)
            case events.CompactionEnded(usage=usage) | events.PlanningTold(AskedAside(usage)):
                self.total, self.last = _sum(self.total, usage), _sum(self.last, usage)
            case events.UsageChanged(used, size, cost):
                self.context_used, self.context_size, self.cost = used, size, cost
            case events.SubagentChanged(cost=float(cost)):
                self.cost = (self.cost or 0.0) + cost
            case _:
                pass


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(*(getattr(one, name) + getattr(other, name) for name in Usage.__struct_fields__))
