"""Out of plan mode on the model's proposal, never without the user's word: the answer names the next mode."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.engine.journal import Journal
from acp_agent.model import events
from acp_agent.model.permission import Choice, Decision, PermissionRequest
from acp_agent.model.session import ModeId
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.ports import Broker, Tool

SUBJECT = "leave plan mode"
CHOICES = (
    Choice("allow_always", "Yes, and accept edits"),
    Choice("allow_once", "Yes, and ask before changes"),
    Choice("reject_once", "No, stay in plan mode"),
)
_NEXT_MODE: dict[Decision, ModeId] = {"allow_always": "accept-edits", "allow_once": "ask"}


def leaves_plan(tool: Tool) -> bool:
    """Whether the tool is the way out of plan mode, which models see in that mode only."""
    return tool.spec.kind == "switch_mode"


async def ask_to_leave(
    announced: ToolCallPatch,
    call_id: ToolCallId,
    *,
    session_id: SessionId,
    mode: Callable[[], ModeId],
    set_mode: Callable[[ModeId], Awaitable[None]],
    broker: Broker,
    journal: Journal,
) -> str | None:
    """Ask how to go on; None if the mode was changed, else what the model is told."""
    if mode() != "plan":
        return "Plan mode is over already: the user switched it off. Carry on."
    decision = await broker.ask(PermissionRequest(session_id, call_id, announced, CHOICES))
    chosen = _NEXT_MODE.get(decision)
    # What is recorded must not pass for an answer that covers later calls: the mode does that, in sight.
    answer: Decision = decision if chosen is None else "allow_once"
    await journal.record(events.PermissionDecided(call_id, SUBJECT, answer))
    if chosen is not None:
        await set_mode(chosen)
        return None
    if decision == "dismissed":
        return "The user gave no answer. You are still in plan mode: change nothing and end your turn."
    return (
        "The user wants to stay in plan mode. Change nothing; ask what to do differently or improve the plan."
    )
