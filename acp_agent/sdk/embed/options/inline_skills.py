"""Skills that a program brings along as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.model.skill import Skill
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.spelling import snake_keys
from acp_agent.sdk.folders.front_matter import parse_document
from acp_agent.sdk.folders.skills import read_skill


class InlineSkill(msgspec.Struct, kw_only=True):
    """A skill as text: `content` is what a `SKILL.md` holds, with or without a head; what is said here wins.

    `kind` is `instruction`, or `persona` for who the model is to be.
    """

    name: str
    content: str
    kind: str | None = None
    description: str | None = None
    allowed_tools: Sequence[str] | None = None


SkillLike: TypeAlias = InlineSkill | Mapping[str, object]
"""A skill, also as a mapping of its fields."""


def inline_skills(given: Iterable[SkillLike]) -> tuple[Skill, ...]:
    """The skills that a program brings along; of equal names the last counts.

    Raises:
        ConfigInvalid: one cannot be used; says which.
    """
    return tuple(reversed([_skill(one) for one in given]))


def _skill(given: SkillLike) -> Skill:
    if not isinstance(given, InlineSkill):
        try:
            given = msgspec.convert(snake_keys(given), InlineSkill)
        except msgspec.ValidationError as exc:
            raise ConfigInvalid(f"`inline_skills`: {exc}") from exc
    where = f"inline skill {given.name}"
    try:
        document = parse_document(given.content)
        said = {"name": given.name, "kind": given.kind, "description": given.description}
        head = {**document.head, **{key: value for key, value in said.items() if value is not None}}
        lists = dict(document.lists)
        if given.allowed_tools is not None:
            lists["allowed-tools"] = tuple(given.allowed_tools)
        if not document.body:
            raise ConfigInvalid(f"`{where}`: has no text")
        return read_skill(msgspec.structs.replace(document, head=head, lists=lists), where, given.name, "")
    except ValueError as exc:
        raise ConfigInvalid(f"`{where}`: {exc}") from exc
    except ConfigError as exc:
        raise ConfigInvalid(str(exc)) from exc
