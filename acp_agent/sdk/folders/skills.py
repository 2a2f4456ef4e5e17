"""Skills: folders with a `SKILL.md` that says what they are for and how it is done."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.model.skill import Skill, SkillKind
from acp_agent.sdk.folders.front_matter import Document
from acp_agent.sdk.folders.listed import listed_rules
from acp_agent.sdk.folders.prompts import NAME, Documents, PromptFolder, described

FILE = "SKILL.md"
ALLOWED = ("allowed-tools", "allowed_tools", "allowedTools")
KINDS: tuple[SkillKind, ...] = ("instruction", "persona", "tool")

OTHER_FOLDERS = (".agents/skills", ".claude/skills")
"""Folders below the user's home that skills for other programs lie in; the first counts most."""


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


def read_skill(document: Document, where: str, name: str, folder: str) -> Skill:
    """The skill that a document is; it is called `name` unless it says otherwise.

    Raises:
        ConfigError: it cannot be used; says `where`, and which key it is.
    """
    name = document.head.get("name") or name
    if not NAME.fullmatch(name):
        raise ConfigError(f"`{where}`: `name` may have letters, digits, `-`, `_` and `.` only")
    return Skill(
        name,
        described(document),
        document.body,
        folder=folder,
        origin=where,
        hint=document.head.get("argument-hint", ""),
        allowed_tools=listed_rules(where, document, ALLOWED),
        kind=_kind(document, where),
        for_model=document.head.get("disable-model-invocation", "").lower() != "true",
        version=document.head.get("version", ""),
    )


def _kind(document: Document, where: str) -> SkillKind:
    text = document.head.get("kind", KINDS[0])
    for kind in KINDS:
        if text == kind:
            return kind
    raise ConfigError(f"`{where}`: `kind`: `{text}` is none of {', '.join(KINDS)}")


def _read(place: Path, folder: PromptFolder, documents: Documents) -> Skill:
    return read_skill(documents.read(place / FILE, folder), str(place / FILE), place.name, str(place))
