"""How a model's indentation relates to a file's: shifted, scaled, tabs for spaces; else it does not.

The relation is learned from the lines the model quoted, and used for those it wants instead. Where a new
line's indentation does not follow from it, nothing is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

Reindent: TypeAlias = Callable[[str], str | None]
"""The file's indentation for one of the model's; None where it cannot be told."""

TAB_WIDTHS = (2, 3, 4, 8)
"""Spaces that may stand for a tab."""


def indentation(line: str) -> str:
    """The blanks and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def same(indent: str) -> str | None:
    """The relation of equal indentations."""
    return indent


def relation(pairs: Sequence[tuple[str, str]]) -> Reindent | None:
    """The one relation between all these indentations of the model and of the file, or None."""
    known = dict(pairs)
    if any(known[model] != file for model, file in pairs):
        return None
    if all(model == file for model, file in known.items()):
        return same
    further = _shift(known) or _scale(known)
    if further is None:
        return None
    return lambda indent: known[indent] if indent in known else further(indent)


def _shift(known: dict[str, str]) -> Reindent | None:
    """The same blanks or tabs put before every indentation, or taken away."""
    model, file = next(iter(known.items()))
    if file.endswith(model):
        more = file[: len(file) - len(model)]
        if all(file == more + model for model, file in known.items()):
            return lambda indent: _unmixed(more, indent)
    if model.endswith(file):
        less = model[: len(model) - len(file)]
        if all(model == less + file for model, file in known.items()):
            return lambda indent: indent[len(less) :] if indent.startswith(less) else None
    return None


def _unmixed(more: str, indent: str) -> str | None:
    return more + indent if len({*more, *indent}) <= 1 or len({*indent}) > 1 or len({*more}) > 1 else None


def _scale(known: dict[str, str]) -> Reindent | None:
    """Steps of another width; a shift besides only between tabs and spaces, where it can be told apart."""
    model_signs, file_signs = {*"".join(known)}, {*"".join(known.values())}
    if len(model_signs) != 1 or len(file_signs) != 1:
        return None
    sign = file_signs.pop()
    points = sorted({(len(model), len(file)) for model, file in known.items()})
    factor = _factor(points, tabs_for_spaces=model_signs != {sign})
    if factor is None:  # nothing but the indentations that were quoted is known
        return (lambda _: None) if len(points) == 1 else None
    offset = points[-1][1] - factor * points[-1][0]
    if any(factor * model + offset != file for model, file in points):
        return None

    def scaled(indent: str) -> str | None:
        width = factor * len(indent) + offset
        if {*indent} - model_signs or width < 0 or width.denominator != 1:
            return None
        return sign * int(width)

    return scaled


def _factor(points: list[tuple[int, int]], *, tabs_for_spaces: bool) -> Fraction | None:
    """Columns of the file for one of the model."""
    (model, file), (last_model, last_file) = points[0], points[-1]
    if not tabs_for_spaces:
        allowed = {Fraction(1, 4), Fraction(1, 2), Fraction(2), Fraction(4)}
        factor = Fraction(last_file, last_model) if last_model else None
        return factor if factor in allowed else None
    if model == last_model:
        model = file = 0
    if last_model == model:
        return None
    factor = Fraction(last_file - file, last_model - model)
    allowed = {Fraction(width) for width in TAB_WIDTHS} | {Fraction(1, width) for width in TAB_WIDTHS}
    return factor if factor in allowed else None
