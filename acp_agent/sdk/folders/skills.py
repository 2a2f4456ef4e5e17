"""Skills: folders with a `SKILL.md` that says what they are for and how it is done."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.sdk.folders.prompts import NAME, Documents, PromptFolder, described

FILE = "SKILL.md"


class Skill(msgspec.Struct, frozen=True):
    """One skill. `instructions` is what its file says below the head."""

    name: str
    description: str
    hint: str
    instructions: str
    folder: Path


class FoundSkills(msgspec.Struct, frozen=True):
    """The skills there are, names not yet told apart; `problems` says of others what is wrong with them."""

    skills: tuple[Skill, ...] = ()
    problems: tuple[str, ...] = ()


def find_skills(folders: Iterable[PromptFolder], documents: Documents) -> FoundSkills:
    """The skills in these folders, in this order."""
    skills: list[Skill] = []
    problems: list[str] = []
    for folder in folders:
        for place in folder.folders():
            if not (place / FILE).exists():
                continue
            try:
                skills.append(_read(place, folder, documents))
            except ConfigError as exc:
                problems.append(str(exc))
    return FoundSkills(tuple(skills), tuple(problems))


def _read(place: Path, folder: PromptFolder, documents: Documents) -> Skill:
    document = documents.read(place / FILE, folder)
    name = document.head.get("name") or place.name
    if not NAME.fullmatch(name):
        raise ConfigError(f"`{place / FILE}`: `name` may have letters, digits, `-`, `_` and `.` only")
    hint = document.head.get("argument-hint", "")
    return Skill(name, described(document), hint, document.body, place)
