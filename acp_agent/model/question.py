"""Questions to the user: forms to fill in, pages to visit, and what came of asking.

Forms are flat on purpose: every front end can draw a list of fields, and an answer is one value per field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

TextFormat: TypeAlias = Literal["email", "uri", "date", "date-time"]

FieldValue: TypeAlias = str | int | float | bool | tuple[str, ...]
"""What a field can be filled in with; a tuple for `ManyField`."""

Values: TypeAlias = Mapping[str, FieldValue]
"""What is filled in, by the names of the fields."""


class Option(msgspec.Struct, frozen=True):
    """One thing to choose: `value` is what is answered, `label` what is read."""

    value: str
    label: str


class _Field(msgspec.Struct, frozen=True, kw_only=True):
    """What all fields have.

    Attributes:
        name: unique in its form; the key of the answer.
        title: what the field is called; empty means its name.
        description: more about it; may be empty.
        required: an answer without it is no answer.
    """

    name: str
    title: str = ""
    description: str = ""
    required: bool = False


class TextField(_Field, frozen=True, kw_only=True):
    """Free text. `pattern` is for the front end alone: a stranger's pattern can take forever to match."""

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: TextFormat | None = None
    default: str | None = None


class NumberField(_Field, frozen=True, kw_only=True):
    """A number; limits are inclusive."""

    minimum: float | None = None
    maximum: float | None = None
    default: float | None = None


class IntegerField(_Field, frozen=True, kw_only=True):
    """A whole number; limits are inclusive."""

    minimum: int | None = None
    maximum: int | None = None
    default: int | None = None


class SwitchField(_Field, frozen=True, kw_only=True):
    """Yes or no."""

    default: bool | None = None


class OneField(_Field, frozen=True, kw_only=True):
    """One of several options."""

    options: tuple[Option, ...]
    default: str | None = None


class ManyField(_Field, frozen=True, kw_only=True):
    """Any of several options, within limits."""

    options: tuple[Option, ...]
    min_items: int | None = None
    max_items: int | None = None
    default: tuple[str, ...] = ()


Field: TypeAlias = TextField | NumberField | IntegerField | SwitchField | OneField | ManyField


class Form(msgspec.Struct, frozen=True):
    """Something to fill in; without fields it is accepted or declined as it stands."""

    message: str
    fields: tuple[Field, ...] = ()


class Visit(msgspec.Struct, frozen=True):
    """A page the user is asked to open, where they give what the agent must not see.

    `id` is the asker's name of it; whoever asked says by it later that the visit is complete.
    """

    message: str
    url: str
    id: str


Question: TypeAlias = Form | Visit


class Accepted(msgspec.Struct, frozen=True):
    """The user agreed: `values` fill in the form. A visit has none; they only agreed to open the page."""

    values: Values = {}


class Declined(msgspec.Struct, frozen=True):
    """The user said no."""


class Dismissed(msgspec.Struct, frozen=True):
    """The user closed the question without an answer."""


class Unavailable(msgspec.Struct, frozen=True):
    """Nobody was asked; `why` is a sentence that says what to do instead."""

    why: str


Answer: TypeAlias = Accepted | Declined | Dismissed | Unavailable

NOBODY_TO_ASK = Unavailable(
    "The user cannot be asked here. State your question in your reply and end the turn; they answer with "
    "their next prompt."
)
"""The answer where there is no front end for questions."""
