"""Slash commands: what a client offers its user, and the prompts that files hold for it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.model.skill import Skill

CommandGroup: TypeAlias = Literal["built-in", "user", "project", "skill", "mcp"]
"""Where a command is from. Of several with one name, the group that stands first here has it."""


class CommandInfo(msgspec.Struct, frozen=True):
    """What is shown of a command.

    Attributes:
        name: what is typed behind the slash.
        description: one line.
        hint: what may follow the name; empty if nothing does.
    """

    name: str
    description: str
    hint: str = ""


class TextCommand(msgspec.Struct, frozen=True):
    """A command whose text is given to the model in place of the user's, such as one kept in a file.

    Attributes:
        text: with `$ARGUMENTS` and `$1` to `$9` where what the user typed belongs.
        origin: the file it is from, for people.
        note: what the model is told behind it.
    """

    info: CommandInfo
    group: CommandGroup
    text: str
    origin: str
    note: str = ""


class FoundCommands(msgspec.Struct, frozen=True):
    """The text commands there are at one moment; `problems` says of files that cannot be used why not.

    `skills` are those that some of the commands call, and personas; of several with one name the first
    counts.
    """

    commands: tuple[TextCommand, ...] = ()
    problems: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()


def skill_command(skill: Skill) -> TextCommand:
    """The command that gives a skill's instructions to the model."""
    files = f" Its files lie in `{skill.folder}`." if skill.folder else ""
    note = f"(These are the instructions of the skill `{skill.name}`.{files})"
    info = CommandInfo(skill.name, skill.description, skill.hint)
    return TextCommand(info, "skill", skill.instructions, skill.origin, note)
