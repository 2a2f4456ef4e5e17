"""What the model is told of skills at the beginning: names and what they are for, and personas whole."""

from __future__ import annotations

from collections.abc import Iterable

from acp_agent.model.skill import Skill

MAX_LISTED = 60
"""Skills that the catalogue lists; the others are found by searching."""

MAX_DESCRIPTION = 250
"""Characters of a description in it."""

TOOL = "skill"
"""The tool without which there is no catalogue."""

_HEADING = """\
# Skills

Instructions for kinds of work. If one fits what you are about to do, read it first with the `skill` tool."""

_MORE = "There are {n} more; find them with the `search_skills` tool."


def distinct(skills: Iterable[Skill]) -> dict[str, Skill]:
    """The skills by name, in order; of several with one name the first counts."""
    by_name: dict[str, Skill] = {}
    for skill in skills:
        by_name.setdefault(skill.name, skill)
    return by_name


def callable_skills(skills: Iterable[Skill]) -> list[Skill]:
    """Those that a model may call."""
    return [skill for skill in skills if skill.for_model and skill.kind != "persona"]


def told_skills(skills: Iterable[Skill], tools: Iterable[str]) -> str:
    """The part of the briefing about skills; empty if there is nothing to tell."""
    known = distinct(skills).values()
    listed = sorted(callable_skills(known), key=lambda skill: skill.name) if TOOL in tools else []
    parts = [skill.instructions for skill in known if skill.kind == "persona"]
    if listed:
        lines = [f"- {skill.name}: {_short(skill.description)}" for skill in listed[:MAX_LISTED]]
        if len(listed) > MAX_LISTED:
            lines.append(_MORE.format(n=len(listed) - MAX_LISTED))
        parts.insert(0, "\n\n".join((_HEADING, "\n".join(lines))))
    return "\n\n".join(parts)


def _short(description: str) -> str:
    return description if len(description) <= MAX_DESCRIPTION else f"{description[: MAX_DESCRIPTION - 1]}…"
