"""Hooks about tool calls: before one is judged, and after it ran."""

from __future__ import annotations

import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.hooks.session_hooks import SessionHooks
from acp_agent.engine.permission.rules import ToolUse
from acp_agent.model.content import Text
from acp_agent.model.toolcall import ToolOutcome


async def before_call(hooks: SessionHooks, use: ToolUse) -> str | None:
    """None if no hook objects to the call, else what the model is told."""
    answer = await hooks.ask("pre_tool_use", lambda: _call(hooks, use), use)
    if answer.action != "block":
        return None
    return (
        f"A hook blocked this call; it was not run. The reason given: {answer.reason}\n"
        "Do not try to reach the same end in another way; heed the reason, go on without it or ask."
    )


async def after_call(
    hooks: SessionHooks, use: ToolUse, outcome: ToolOutcome, *, seconds: float
) -> ToolOutcome:
    """The outcome, with what a hook objects to it added for the model."""
    hooks.recent_tools.append(use.tool)
    hooks.n_calls += 1
    answer = await hooks.ask("post_tool_use", lambda: _result(hooks, use, outcome, seconds), use)
    if answer.action != "block":
        return outcome
    remark = Text(f"The call ran. A hook says about it: {answer.reason}")
    return msgspec.structs.replace(outcome, for_model=(*outcome.for_model, remark))


def _call(hooks: SessionHooks, use: ToolUse) -> JsonObject:
    return {
        "tool": use.tool,
        "args": use.arguments,
        "working_directory": hooks.working_directory,
        "recent_tools": list(hooks.recent_tools),
    }


def _result(hooks: SessionHooks, use: ToolUse, outcome: ToolOutcome, seconds: float) -> JsonObject:
    output = "\n".join(part.text for part in outcome.for_model if isinstance(part, Text))
    raw = outcome.raw_output
    code = raw.get("exit_code") if isinstance(raw, dict) else None
    result: JsonObject = {
        "success": not outcome.is_error,
        "output": output,
        "exit_code": code if isinstance(code, int) else int(outcome.is_error),
        "duration_ms": round(seconds * 1000),
    }
    return {**_call(hooks, use), "result": result}
