"""A quoted text replaced by another: exactly where it stands, or at the one place that nearly is it.

An exact quote is replaced to the letter. One that is not there is compared line by line: an indentation that
differs alike in all lines, white space at line ends and characters that look alike are no difference then.
Two places that could be meant are never chosen between.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.tools.editing.advice import advice, listed
from acp_agent.tools.editing.lookalikes import carried_over, folded
from acp_agent.tools.editing.places import differences, near_places, split_lines
from acp_agent.tools.editing.rewriting import joined, rewritten

_BOM = "\ufeff"


class Replaced(msgspec.Struct, frozen=True):
    """The new text, and the 1-based lines (of the old text) where something was replaced.

    `differing` says in what the place differed from the quoted text, in words; it is empty for an exact one.
    """

    text: str
    lines: tuple[int, ...]
    differing: tuple[str, ...] = ()


def replace_text(text: str, old: str, new: str, *, replace_all: bool) -> Replaced:
    """`text` with `old` replaced by `new`; a file's own line ends win over those of the arguments.

    Raises:
        ToolError: `old` is not in the text, or could be at several places, or is there more than once without
            `replace_all`.
    """
    found = next((pair for pair in _with_line_ends_of(text, old, new) if pair[0] in text), None)
    if found is None or (not replace_all and _is_indented_otherwise(text, *found)):
        return _replace_near(text, old.replace("\r\n", "\n"), new.replace("\r\n", "\n"))
    places = _positions(text, found[0])
    lines = _line_numbers(text, places)
    if len(lines) > 1 and not replace_all:
        raise ToolError(
            f"`old_text` is there {len(lines)} times, at lines {listed(lines)}; add lines around it until it "
            "is unique, or set `replace_all`"
        )
    return Replaced(text.replace(*found), _line_numbers(text, _apart(places, len(found[0]))))


def _replace_near(text: str, old: str, new: str) -> Replaced:
    bom, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    file = split_lines(text)
    quoted, wanted = _by_lines(old, new)
    within = _places_within_lines(text, old)
    lines = _line_numbers(text, within)
    places = [place for place in near_places(file, quoted) if place.first + 1 not in lines]
    numbers = sorted((*lines, *(place.first + 1 for place in places)))
    if not numbers:
        raise ToolError(advice([line.text for line in file], quoted))
    if len(numbers) > 1:
        raise ToolError(
            f"`old_text` is nowhere in the file exactly, but nearly at {len(numbers)} places, at lines "
            f"{listed(numbers)}; read the one you mean again and quote it exactly, with lines around it"
        )
    if within:
        start, end = within[0], within[0] + len(old)
        made = text[:start] + carried_over(old, new, text[start:end]) + text[end:]
        return Replaced(bom + made, lines, ("look-alike characters",))
    (place,) = places
    made = joined(file, [rewritten(file, place, quoted, wanted)])
    return Replaced(bom + made, tuple(numbers), tuple(differences(file, quoted, place)) or ("line ends",))


def _is_indented_otherwise(text: str, old: str, new: str) -> bool:
    """Whether `old` begins with less indentation than any line that it fits to the letter.

    To the letter, the lines of `new` behind the first would be indented less than what they belong to.
    """
    if old[0] not in " \t" or "\n" not in old + new or not old.strip():
        return False
    if not all(_is_within_indentation(text, at) for at in _positions(text, old)):
        return False
    return bool(near_places(split_lines(text), _by_lines(old, new)[0]))


def _is_within_indentation(text: str, at: int) -> bool:
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return bool(before) and not before.strip(" \t")


def _by_lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """Both as lines. An `old` that ends a line stands for whole lines, and so does `new` then."""
    if not old.endswith("\n"):
        return old.split("\n"), new.split("\n")
    return old[:-1].split("\n"), new.removesuffix("\n").split("\n") if new else []


def _places_within_lines(text: str, old: str) -> list[int]:
    """Where a part of a line looks like `old`."""
    if "\n" in old or not any(map(str.isalnum, old)):
        return []
    found = _positions(folded(text), folded(old))
    return [at for at in found if old[0] not in " \t" or not _is_within_indentation(text, at)]


def _with_line_ends_of(text: str, old: str, new: str) -> list[tuple[str, str]]:
    """Spellings of the arguments to try, best first."""
    unix = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    windows = unix[0].replace("\n", "\r\n"), unix[1].replace("\n", "\r\n")
    n_windows = text.count("\r\n")
    if n_windows == 0:
        return [unix]
    mostly_windows = n_windows > text.count("\n") - n_windows
    return [windows, (old, new), unix] if mostly_windows else [(old, new), unix, windows]


def _positions(text: str, wanted: str) -> list[int]:
    """Wherever it stands; places may overlap."""
    found: list[int] = []
    at = text.find(wanted)
    while at >= 0:
        found.append(at)
        at = text.find(wanted, at + 1)
    return found


def _apart(places: Sequence[int], length: int) -> list[int]:
    """Those that are replaced if all are: the first, and each that does not overlap the one before."""
    kept: list[int] = []
    for place in places:
        if not kept or place >= kept[-1] + length:
            kept.append(place)
    return kept


def _line_numbers(text: str, positions: Sequence[int]) -> tuple[int, ...]:
    numbers: list[int] = []
    line, seen = 1, 0
    for position in positions:
        line += text.count("\n", seen, position)
        seen = position
        numbers.append(line)
    return tuple(numbers)
