"""Limits on what a session may use up, and what whoever watches over them decides."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.model.chat import Usage


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings allow; None is no limit.

    Attributes:
        max_cost: US dollars of one session.
        max_tokens_per_prompt: tokens that all model requests for one prompt read and write together.
        max_seconds_per_prompt: seconds from taking up a prompt to its end.
    """

    max_cost: float | None = None
    max_tokens_per_prompt: int | None = None
    max_seconds_per_prompt: float | None = None


class Allowed(msgspec.Struct, frozen=True):
    """It may be done."""


class SoftLimit(msgspec.Struct, frozen=True):
    """It may be done, and the user is told that a limit is near."""

    resource: str
    consumed: float
    limit: float
    message: str = ""


class Denied(msgspec.Struct, frozen=True):
    """It must not be done: the resource is used up. `consumed` and `limit` are None if nobody says."""

    resource: str
    reason: str
    consumed: float | None = None
    limit: float | None = None


BudgetDecision: TypeAlias = Allowed | SoftLimit | Denied
ALLOWED = Allowed()


class Spent(msgspec.Struct, frozen=True):
    """What one model request used; `cost` is US dollars, None if the model's prices are not known."""

    model: str
    usage: Usage
    cost: float | None


class LimitHit(msgspec.Struct, frozen=True, tag="limit_hit"):
    """A limit is near (`soft`), or reached (`hard`), which ends the turn.

    Attributes:
        resource: what is limited: `cost`, `tokens`, `time`, or what a program's guard calls it.
        message: how much of it is used, for people.
        consumed, limit: None if nobody says.
    """

    resource: str
    kind: Literal["soft", "hard"]
    message: str
    consumed: float | None = None
    limit: float | None = None

    @property
    def title(self) -> str:
        """The same in few words."""
        return "A limit is near" if self.kind == "soft" else "A limit is reached"
