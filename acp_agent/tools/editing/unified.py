"""Unified diffs as models write them: their line numbers and counts are wrong, their lines are right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.tools.editing.advice import advice, listed
from acp_agent.tools.editing.indentation import same
from acp_agent.tools.editing.places import Line, Place, exact_places, near_places, split_lines
from acp_agent.tools.editing.rewriting import Splice, joined, rewritten

_HEAD = re.compile(r"@@(?:[ -].*)?")
_ONE_FILE = re.compile(r"(?:diff --git|---|\+\+\+|index|new file mode|old mode|new mode|similarity) ?.*")
_OTHER_WORK = re.compile(
    r"(?:deleted file mode|rename from|rename to|copy from|copy to) .*|\+\+\+ /dev/null\b.*"
)
_NO_END = "\\"  # begins the remark that a file does not end its last line
_BOM = "\ufeff"


class Hunk(msgspec.Struct, frozen=True):
    """One part of a diff: the lines it expects and those it leaves.

    `ends_last_line` is what the diff says of the new text's last line, None if it says nothing.
    """

    quoted: tuple[str, ...]
    wanted: tuple[str, ...]
    ends_last_line: bool | None = None


def parse_diff(diff: str) -> list[Hunk]:
    """The hunks of a diff of one file.

    Raises:
        ToolError: it is no such diff; says which line is wrong.
    """
    lines = diff.replace("\r\n", "\n").removesuffix("\n").split("\n")
    hunks: list[list[str]] = []
    for number, line in enumerate(lines, 1):
        if _HEAD.fullmatch(line):
            hunks.append([])
        elif not hunks and _OTHER_WORK.fullmatch(line):
            raise ToolError(
                f"`diff`: line {number} deletes, moves or copies a file: `{line[:80]}`; do that with a "
                "command, and send only changes to lines"
            )
        elif not hunks and (not line.strip() or _ONE_FILE.fullmatch(line)):
            continue
        elif not hunks:
            raise ToolError(f"`diff`: line {number} comes before the first `@@` line: `{line[:80]}`")
        elif line.startswith("diff --git ") or _begins_file(lines, number - 1):
            raise ToolError(f"`diff`: line {number} begins another file; send one call for each file")
        elif line and line[0] not in " +-\\\t":
            raise ToolError(
                f"`diff`: line {number} begins with none of ` `, `+`, `-`: `{line[:80]}`; begin lines that "
                "stay with a blank"
            )
        else:
            hunks[-1].append(line)
    if not hunks:
        raise ToolError("`diff`: there is no `@@` line; send a unified diff")
    return [_hunk(lines) for lines in hunks]


def patched(text: str, hunks: Sequence[Hunk]) -> tuple[str, tuple[int, ...]]:
    """`text` with all hunks applied, and the 1-based lines (of the old text) where something changes.

    Each must fit at one place only, whatever line it names; of those that fit to the letter, none that fit
    nearly are counted.

    Raises:
        ToolError: one of them fits nowhere or at several places, or two change the same lines.
    """
    bom, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    file = split_lines(text)
    splices: list[Splice] = []
    for number, hunk in enumerate(hunks, 1):
        try:
            place = _place_of(file, hunk)
            ended = hunk.ends_last_line if place.end == len(file) else None
            splice = rewritten(file, place, hunk.quoted, hunk.wanted, ended=ended)
            if hunk.quoted == hunk.wanted and not splice.lines:
                raise ToolError("it changes nothing")
            splices.append(splice)
        except ToolError as exc:
            raise ToolError(f"hunk {number} of {len(hunks)}: {exc}") from exc
    ordered = sorted(splices, key=lambda splice: (splice.start, splice.end))
    for one, other in pairwise(ordered):
        if other.start < one.end or other.start == one.start:
            raise ToolError(f"two hunks change the same place, at line {other.start + 1}; make them one")
    return bom + joined(file, splices), tuple(splice.start + 1 for splice in ordered)


def created(hunks: Sequence[Hunk]) -> str:
    """The text of a new file.

    Raises:
        ToolError: the diff expects lines, so it is not about a new file.
    """
    if any(hunk.quoted for hunk in hunks):
        raise ToolError("the diff expects lines in it; find the file with `glob`")
    text = "\n".join(line for hunk in hunks for line in hunk.wanted)
    return text if not text or hunks[-1].ends_last_line is False else f"{text}\n"


def _hunk(lines: list[str]) -> Hunk:
    while lines and not lines[-1]:  # blank lines before the next hunk or the end
        lines.pop()
    stays = [line for line in lines if not line.startswith(_NO_END)]
    unended = [before[:1] for before, line in pairwise(lines) if line.startswith(_NO_END)]
    return Hunk(
        tuple(_bare(line) for line in stays if not line.startswith("+")),
        tuple(_bare(line) for line in stays if not line.startswith("-")),
        unended == ["-"] if unended else None,
    )


def _bare(line: str) -> str:
    return line if line.startswith("\t") else line[1:]


def _begins_file(lines: Sequence[str], index: int) -> bool:
    """Whether a file's two heading lines stand here; alone, either could be a changed line."""
    following = lines[index + 1 : index + 3]
    return (
        lines[index].startswith("--- ")
        and len(following) == 2
        and following[0].startswith("+++ ")
        and _HEAD.fullmatch(following[1]) is not None
    )


def _place_of(file: Sequence[Line], hunk: Hunk) -> Place:
    if not any(line.strip() for line in hunk.quoted):
        raise ToolError("it has no line that is there now; add lines around the change")
    places = exact_places(file, hunk.quoted)
    nearly = "" if places else " nearly"
    # a diff that is indented otherwise may as well have lost the blanks that its lines begin with
    places = places or [place for place in near_places(file, hunk.quoted) if place.reindent is same]
    if not places:
        raise ToolError(advice([line.text for line in file], hunk.quoted, "its text"))
    if len(places) > 1:
        numbers = listed(place.first + 1 for place in places)
        raise ToolError(
            f"it fits{nearly} at {len(places)} places, at lines {numbers}; add lines around the change until "
            "it fits at one"
        )
    return places[0]
