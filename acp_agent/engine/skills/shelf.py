"""The skills of one session: which there are, which are in use, and what those in use let the model call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import anyio

from acp_agent.base.errors import ToolError
from acp_agent.engine.commands.slash import CalledCommand
from acp_agent.engine.permission.narrowing import narrowed
from acp_agent.engine.permission.rules import Rules, parse_rule
from acp_agent.engine.session_parts import SessionParts
from acp_agent.engine.skills.catalogue import MAX_LISTED, callable_skills, distinct
from acp_agent.model.skill import Skill
from acp_agent.ports import SkillShelf, Tool

MAX_FOUND = 10
"""Skills that one search finds."""

ALWAYS = tuple(map(parse_rule, ("skill", "search_skills", "todo", "ask_user", "switch_mode")))
"""What may be called whatever skill is in use: it touches nothing but the conversation."""


class Skills:
    """The skills of one session. Those in use are so to the end of the turn."""

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self._skills: dict[str, Skill] = {}
        self._in_use: dict[str, tuple[Skill, float]] = {}  # and since when, by the loop's clock
        self._tools: tuple[Tool, ...] = ()

    def learn(self, skills: Sequence[Skill]) -> None:
        """Know those there are by now; of several with one name the first counts."""
        known = distinct(skills)
        if known != self._skills:
            self._skills = known
            self._tools = self._parts.skill_tools(self) if self._callable() else ()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools by which the model uses them; none if there are no skills."""
        return self._tools

    def __contains__(self, name: str) -> bool:
        return name in self._skills

    def get(self, name: str) -> Skill:
        """The skill of this name, which there has to be."""
        return self._skills[name]

    @property
    def in_use(self) -> Mapping[str, float]:
        """The skills that are in use, by name, with the seconds they have been so."""
        now = anyio.current_time()
        return {name: now - since for name, (_, since) in self._in_use.items() if name in self._skills}

    def begin_turn(self, called: CalledCommand | None) -> None:
        """Put away what was in use; what the prompt calls is in use from the start."""
        self._in_use.clear()
        if called is not None and called.command.group == "skill":
            name = called.command.info.name
            if name in self._skills:
                self._use(self._skills[name])

    def take(self, name: str) -> Skill:
        """The skill of this name, which is in use from now on to the end of the turn.

        Raises:
            ToolError: there is none that a model may use.
        """
        skill = self._callable().get(name)
        if skill is None:
            known = ", ".join(sorted(self._callable())[:MAX_LISTED])
            raise ToolError(f"there is no skill `{name}`; use one of: {known}")
        self._use(skill)
        return skill

    def search(self, words: str) -> Sequence[Skill]:
        """Those whose name or description has the most of these words, the best first."""
        wanted = words.casefold().split()

        def hits(skill: Skill) -> int:
            text = f"{skill.name} {skill.description}".casefold()
            return sum(word in text for word in wanted)

        ranked = sorted(self._callable().values(), key=lambda skill: (-hits(skill), skill.name))
        return [skill for skill in ranked if hits(skill)][:MAX_FOUND]

    @property
    def fits_catalogue(self) -> bool:
        """Whether the model has been told of all of them, so that it need not search."""
        return len(self._callable()) <= MAX_LISTED

    def narrow(self, rules: Rules) -> Rules:
        """The rules as they hold while skills are in use that say what they need.

        A call may run if one of those skills needs it; a skill that does not say leaves the others' word.
        """
        needed = [
            skill.allowed_tools for skill, _ in self._in_use.values() if skill.allowed_tools is not None
        ]
        if not needed or not self._parts.enforce_skill_tools:
            return rules
        allow = tuple(parse_rule(text) for texts in needed for text in texts)
        return narrowed(rules, Rules(allow=(*ALWAYS, *allow)), "deny")

    def _use(self, skill: Skill) -> None:
        self._in_use.setdefault(skill.name, (skill, anyio.current_time()))

    def _callable(self) -> dict[str, Skill]:
        return {skill.name: skill for skill in callable_skills(self._skills.values())}


if TYPE_CHECKING:
    _: type[SkillShelf] = Skills
