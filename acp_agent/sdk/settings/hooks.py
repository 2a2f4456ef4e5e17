"""`[[hooks]]` as written, and what of it makes a hook."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import msgspec

from acp_agent.model.hook import CONTINUE, HookAnswer, HookEvent, HookMatcher
from acp_agent.ports.hooks import HOOK_PRIORITY, HOOK_TIME, Hook, HookHandler, Occasion

MAX_HOOKS = 100
MAX_TIME = 600.0
MAX_NAME = 60

FAILURES = ("continue", "block")


class HookTable(msgspec.Struct, frozen=True, kw_only=True):
    """One hook of a settings file."""

    event: str
    command: Annotated[str, msgspec.Meta(min_length=1)]
    name: str | None = None
    tool: str | None = None
    path_pattern: str | None = None
    command_pattern: str | None = None
    session: str | None = None
    priority: int = HOOK_PRIORITY
    timeout: Annotated[float, msgspec.Meta(gt=0, le=MAX_TIME)] = HOOK_TIME
    on_failure: str = "continue"


def hook_from(table: HookTable, handler: HookHandler) -> Hook:
    """The hook that the table describes, which `handler` answers for."""
    return Hook(
        id=table.name or table.command[:MAX_NAME],
        event=cast("HookEvent", table.event),  # both were checked against the choices where they were read
        handler=handler,
        matcher=HookMatcher(
            tool=table.tool,
            path_pattern=table.path_pattern,
            command_pattern=table.command_pattern,
            session=table.session,
        ),
        priority=table.priority,
        timeout=table.timeout,
        on_failure=cast("Literal['continue', 'block']", table.on_failure),
    )


def complaint_about(table: HookTable) -> str:
    """Why the hook could never be asked; empty if it could."""
    from acp_agent.engine.hooks.matching import check_hook  # lazy: only for settings with hooks

    async def nobody(_: Occasion) -> HookAnswer:
        return CONTINUE

    try:
        check_hook(hook_from(table, nobody))
    except ValueError as exc:
        return str(exc)
    return ""
