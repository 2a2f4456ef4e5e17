"""Ready answers to permission requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from acp_agent.base.jsontext import JsonObject
from acp_agent.client.messages import RequestPermission

Chooser: TypeAlias = Callable[[RequestPermission], Awaitable[str | None]]
"""Chooses an option's id for a permission request; None cancels it."""


async def allow_once(request: RequestPermission) -> str | None:
    """Allow this call; nothing is remembered."""
    return option_of_kind(request, "allow_once") or option_of_kind(request, "allow_always")


async def reject_once(request: RequestPermission) -> str | None:
    """Reject this call; nothing is remembered."""
    return option_of_kind(request, "reject_once") or option_of_kind(request, "reject_always")


async def cancel_all(request: RequestPermission) -> str | None:
    """Choose nothing."""
    return None


def option_of_kind(request: RequestPermission, kind: str) -> str | None:
    """The id of the first option of this kind, if there is one."""
    for option in request.options:
        option_id = option.get("optionId")
        if option.get("kind") == kind and isinstance(option_id, str):
            return option_id
    return None


def outcome(option_id: str | None) -> JsonObject:
    """The protocol's answer for a choice."""
    if option_id is None:
        return {"outcome": {"outcome": "cancelled"}}
    return {"outcome": {"outcome": "selected", "optionId": option_id}}
