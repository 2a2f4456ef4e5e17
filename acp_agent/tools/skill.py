"""The tools `skill` and `search_skills`: instructions that the model reads when it needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.commands.expansion import fill_in
from acp_agent.model.command import skill_command
from acp_agent.model.content import shown_text
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, SkillShelf, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.plaintext import one_line

if TYPE_CHECKING:
    from acp_agent import ports


def skill_tools(shelf: SkillShelf) -> tuple[ports.Tool, ...]:
    """The tools to use the skills of a session with; one to search only if there are too many to list."""
    return (SkillTool(shelf),) if shelf.fits_catalogue else (SkillTool(shelf), SearchSkillsTool(shelf))


class SkillArgs(msgspec.Struct, frozen=True):
    """Arguments of `skill`."""

    skill_name: Annotated[str, msgspec.Meta(min_length=1, description="Name of the skill, as it is listed.")]
    prompt: Annotated[str, msgspec.Meta(description="What it is to be used for, in a few words.")] = ""


class SearchArgs(msgspec.Struct, frozen=True):
    """Arguments of `search_skills`."""

    query: Annotated[str, msgspec.Meta(min_length=1, description="Words of what is to be done.")]


class SkillTool:
    """Gives the model the whole text of a skill."""

    def __init__(self, shelf: SkillShelf) -> None:
        self._shelf = shelf
        self.spec = ToolSpec(
            "skill",
            "Read the instructions of a skill, then follow them. The skills are listed under `Skills`.",
            input_schema(SkillArgs),
            kind="read",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Say which."""
        name = parse_args(SkillArgs, args).skill_name
        return Preview(f"Use skill `{one_line(name)}`", "read", Access("none", f"skill {name}"))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Give its text, with what it is to be used for where the text has room for that."""
        wanted = parse_args(SkillArgs, args)
        skill = self._shelf.take(wanted.skill_name)
        text = fill_in(skill_command(skill), wanted.prompt)
        return succeeded(text, display=(shown_text(skill.description),))


class SearchSkillsTool:
    """Finds skills that there was no room to list."""

    def __init__(self, shelf: SkillShelf) -> None:
        self._shelf = shelf
        self.spec = ToolSpec(
            "search_skills",
            "Find skills that are not listed, by words of their names and descriptions.",
            input_schema(SearchArgs),
            kind="search",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Check the arguments."""
        query = parse_args(SearchArgs, args).query
        return Preview(f"Search skills for `{one_line(query)}`", "search", Access("none", "search_skills"))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Name those that fit."""
        found = self._shelf.search(parse_args(SearchArgs, args).query)
        lines = [f"- {skill.name}: {skill.description}" for skill in found]
        return succeeded("\n".join(lines) or "(no skill fits; use other words)")


if TYPE_CHECKING:
    _: tuple[type[ports.Tool], ...] = (SkillTool, SearchSkillsTool)
