"""`[auto_delegation]` and its kin: who delegates to subagents, and how much."""

from __future__ import annotations

from typing import Annotated

import msgspec

from acp_agent.model.subagent import DelegationLimits

MAX_TASKS = 100

Tasks = Annotated[int, msgspec.Meta(ge=1, le=MAX_TASKS)]


class AutoDelegationTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[auto_delegation]` as written; None means not set."""

    enabled: bool | None = None
    auto_parallel: bool | None = None
    allow_manual_delegation: bool | None = None
    min_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tasks: Tasks | None = None


def delegation_limits(
    base: DelegationLimits,
    table: AutoDelegationTable | None,
    *,
    side_by_side: bool | None = None,
    by_model: bool | None = None,
    max_at_work: int | None = None,
) -> DelegationLimits:
    """`base` with what is set in its place; what stands on its own wins over the same in the table."""
    table = table or AutoDelegationTable()
    said = {
        "automatic": table.enabled,
        "side_by_side": table.auto_parallel if side_by_side is None else side_by_side,
        "by_model": table.allow_manual_delegation if by_model is None else by_model,
        "min_confidence": table.min_confidence,
        "max_tasks": table.max_tasks,
        "max_at_work": max_at_work,
    }
    return msgspec.structs.replace(base, **{name: value for name, value in said.items() if value is not None})
