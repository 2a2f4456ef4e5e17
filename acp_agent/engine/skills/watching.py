"""Hooks about skills: asked before the text of one is given to the model, told when it counts no more."""

from __future__ import annotations

from datetime import datetime

from acp_agent.engine.hooks.session_hooks import SessionHooks
from acp_agent.engine.hooks.skills import skill_loads, skill_unloaded
from acp_agent.engine.permission.rules import ToolUse
from acp_agent.engine.skills.shelf import Skills


async def skill_called(use: ToolUse, skills: Skills, hooks: SessionHooks, at: datetime) -> str | None:
    """None unless the call is for a skill that hooks object to, else what the model is told."""
    name = use.arguments.get("skill_name")
    return (
        await _objection(name, skills, hooks, at) if use.tool == "skill" and isinstance(name, str) else None
    )


async def skill_commanded(skills: Skills, hooks: SessionHooks, at: datetime) -> str | None:
    """None unless hooks object to a skill that the prompt itself calls, else why."""
    for name in skills.in_use:
        why = await _objection(name, skills, hooks, at)
        if why is not None:
            return why
    return None


async def skills_put_away(skills: Skills, hooks: SessionHooks) -> None:
    """Tell hooks of the skills that were in use to the end of the turn."""
    for name, seconds in skills.in_use.items():
        await skill_unloaded(hooks, name, tools=skills.get(name).allowed_tools or (), seconds=seconds)


async def _objection(name: str, skills: Skills, hooks: SessionHooks, at: datetime) -> str | None:
    if name not in skills:
        return None  # the tool says so itself
    skill = skills.get(name)
    return await skill_loads(
        hooks,
        name,
        tools=skill.allowed_tools or (),
        version=skill.version,
        description=skill.description,
        at=at,
    )
