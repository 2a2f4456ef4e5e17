"""Hooks about skills: before the text of one is given to the model, and when it counts no more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.hooks.session_hooks import SessionHooks


async def skill_loads(
    hooks: SessionHooks,
    name: str,
    *,
    tools: Iterable[str] = (),
    version: str = "",
    description: str = "",
    at: datetime,
) -> str | None:
    """None if the skill may be loaded, else what the model is told."""

    def facts() -> JsonObject:
        return {
            **_skill(name, tools),
            "version": version or None,
            "description": description,
            "loaded_at": at.isoformat(),
        }

    answer = await hooks.ask("skill_load", facts)
    if answer.action != "block":
        return None
    return f"A hook blocked the skill `{name}`. The reason given: {answer.reason}. Go on without it."


async def skill_unloaded(
    hooks: SessionHooks, name: str, *, tools: Iterable[str] = (), seconds: float
) -> None:
    """Tell them that a skill that was loaded so long counts no more."""

    def facts() -> JsonObject:
        return {**_skill(name, tools), "duration_ms": round(seconds * 1000)}

    await hooks.ask("skill_unload", facts)


def _skill(name: str, tools: Iterable[str]) -> JsonObject:
    names: list[JsonValue] = list(tools)
    return {"skill_name": name, "tool_names": names}
