"""Slash commands from files: the user's, those of a trusted project, and skills of both.

`commands/review.md` is `/review`, `commands/git/commit.md` is `/git:commit`, `skills/pdf/SKILL.md` is `/pdf`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.model.command import CommandGroup, CommandInfo, FoundCommands, TextCommand, skill_command
from acp_agent.model.skill import Skill
from acp_agent.sdk.folders.prompts import NAME, Documents, PromptFolder, described, folders_at
from acp_agent.sdk.folders.skills import OTHER_FOLDERS, find_skills
from acp_agent.sdk.settings.trust import COMMAND_FOLDERS, SKILL_FOLDERS, prompt_folders, why_not_trusted


class CommandFiles:
    """The commands that files hold for sessions in one directory."""

    def __init__(
        self,
        places: Places,
        cwd: Path,
        skills: Sequence[Path] = (),
        *,
        inline: Sequence[Skill] = (),
        builtin: Sequence[Skill] = (),
    ) -> None:
        self._places = places
        self._cwd = cwd
        self._skills = skills  # folders that whoever embeds the agent names; the last counts most
        self._inline = inline  # skills that count more than any found
        self._builtin = builtin  # and less
        self._documents = Documents()

    def find(self) -> FoundCommands:
        """Those there are now; only what changed is read again. Nothing of an untrusted project is read."""
        problems: list[str] = []
        own = self._places.config_file.parent if self._places.config_file else None
        users = [PromptFolder(own / "commands")] if own else []
        skills = [PromptFolder(folder) for folder in reversed(self._skills)]
        skills += [PromptFolder(own / "skills")] if own else []
        skills += folders_at(self._places.home, OTHER_FOLDERS)
        projects: list[PromptFolder] = []
        present = prompt_folders(self._cwd)
        why = why_not_trusted(self._places, self._cwd) if present else ""
        if why:
            problems += [f"`{folder}`: is not read: {why}" for folder in present]
        elif present:
            projects = [PromptFolder(self._cwd / name, self._cwd) for name in COMMAND_FOLDERS]
            skills += [PromptFolder(self._cwd / name, self._cwd) for name in SKILL_FOLDERS]
        found = find_skills(skills, self._documents)
        known = (*self._inline, *found.skills, *self._builtin)
        commands = (
            *self._commands("user", users, problems),
            *self._commands("project", projects, problems),
            *(skill_command(skill) for skill in known if skill.kind != "persona"),
        )
        return FoundCommands(commands, (*problems, *found.problems), known)

    def _commands(
        self, group: CommandGroup, folders: Sequence[PromptFolder], problems: list[str]
    ) -> Iterator[TextCommand]:
        for folder in folders:
            for path in folder.files():
                try:
                    yield self._read(group, path, folder)
                except ConfigError as exc:
                    problems.append(str(exc))

    def _read(self, group: CommandGroup, path: Path, folder: PromptFolder) -> TextCommand:
        parts = path.relative_to(folder.path).with_suffix("").parts
        if not all(NAME.fullmatch(part) for part in parts):
            raise ConfigError(f"`{path}`: its name may have letters, digits, `-`, `_` and `.` only")
        document = self._documents.read(path, folder)
        info = CommandInfo(":".join(parts), described(document), document.head.get("argument-hint", ""))
        return TextCommand(info, group, document.body, str(path))
