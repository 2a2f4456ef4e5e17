"""Skills: instructions for one kind of work, that a model reads when it needs them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

SkillKind: TypeAlias = Literal["instruction", "persona", "tool"]
"""A `persona` says who the model is to be: it is told whole, at the beginning, and never called."""


class Skill(msgspec.Struct, frozen=True):
    """One skill.

    Attributes:
        name: what it is called by.
        description: one line, by which a model finds out that it needs it.
        instructions: the whole text.
        folder: where its files lie; empty if it has none.
        origin: the file it is from, for people.
        hint: what may follow its name where users call it.
        allowed_tools: permission rules for the calls it needs; None if it does not say.
        kind: how it is told.
        for_model: models may call it, not users alone.
        version: what its author calls this state of it; empty if they do not say. Told to hooks.
    """

    name: str
    description: str
    instructions: str
    folder: str = ""
    origin: str = ""
    hint: str = ""
    allowed_tools: tuple[str, ...] | None = None
    kind: SkillKind = "instruction"
    for_model: bool = True
    version: str = ""
