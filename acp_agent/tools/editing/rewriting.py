"""New lines in the place of quoted ones: what the model left alone stays as the file has it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.tools.editing.indentation import indentation
from acp_agent.tools.editing.lookalikes import carried_over
from acp_agent.tools.editing.places import Line, Place


class Splice(msgspec.Struct, frozen=True):
    """`lines` are put where `start` to `end` are now."""

    start: int
    end: int
    lines: tuple[Line, ...]


def rewritten(
    file: Sequence[Line],
    place: Place,
    quoted: Sequence[str],
    wanted: Sequence[str],
    *,
    ended: bool | None = None,
) -> Splice:
    """The change of `quoted` to `wanted` at a place of a file, unchanged lines around it left out.

    Line ends, indentation and white space at line ends are the file's; the place's last line keeps how it
    ends, so that what follows stays where it is. `ended` says otherwise of a place at the file's end.

    Raises:
        ToolError: a new line has an indentation of which nobody can tell what it is in the file.
    """
    import difflib  # lazy: 3 ms, only for edits by lines

    there = file[place.first : place.end]
    made: list[str | Line] = []  # a line of the file, or a text that is put among them
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(
        None, quoted, wanted, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            made += there[start:end]
            continue
        for index, text in enumerate(wanted[new_start:new_end]):
            at_start = place.bare_start and new_start + index == 0
            old = start + index
            if old < end:
                made.append(_changed(there[old], quoted[old], text, place, at_start=at_start))
            else:
                made.append(_indented(text, place, at_start=at_start))
    usual_end = _usual_end(there) or _usual_end(file) or "\n"
    last_end = there[-1].end if ended is None else usual_end if ended else ""
    return _splice(there, made, place.first, usual_end, last_end)


def joined(file: Sequence[Line], splices: Sequence[Splice]) -> str:
    """The text of the file with all of these changes, which must not overlap."""
    lines = list(file)
    for splice in sorted(splices, key=lambda one: one.start, reverse=True):
        lines[splice.start : splice.end] = splice.lines
    return "".join(f"{line.text}{line.end}" for line in lines)


def _changed(line: Line, quote: str, text: str, place: Place, *, at_start: bool) -> Line:
    if not text.strip():
        return Line("", line.end)
    before, body, behind = _parts(line.text)
    quoted_before, quoted_body, quoted_behind = _parts(quote)
    new_before, new_body, new_behind = _parts(text)
    if new_before != quoted_before:
        before = _indentation_for(text, place, at_start=at_start)
    if new_behind != quoted_behind:
        behind = new_behind
    return Line(f"{before}{carried_over(quoted_body, new_body, body)}{behind}", line.end)


def _indented(text: str, place: Place, *, at_start: bool) -> str:
    if not text.strip():
        return text
    return _indentation_for(text, place, at_start=at_start) + text[len(indentation(text)) :]


def _indentation_for(text: str, place: Place, *, at_start: bool) -> str:
    found = None if at_start else place.reindent(indentation(text))
    if found is None:
        raise ToolError(
            f"`old_text` is indented otherwise than the file at line {place.first + 1}, and how the new line "
            f"`{text.strip()[:80]}` is to be indented there cannot be told; read these lines again and quote "
            "them exactly"
        )
    return found


def _parts(line: str) -> tuple[str, str, str]:
    """Indentation, text, and the white space behind."""
    before = indentation(line)
    body = line[len(before) :].rstrip()
    return before, body, line[len(before) + len(body) :]


def _splice(
    there: Sequence[Line], made: Sequence[str | Line], first: int, usual_end: str, last_end: str
) -> Splice:
    lines = [
        Line(one, usual_end) if isinstance(one, str) else Line(one.text, one.end or usual_end) for one in made
    ]
    if lines:
        lines[-1] = Line(lines[-1].text, last_end)
    n_before = _n_common(there, lines)
    n_behind = min(_n_common(there[::-1], lines[::-1]), len(there) - n_before, len(lines) - n_before)
    start, end = first + n_before, first + len(there) - n_behind
    return Splice(start, end, tuple(lines[n_before : len(lines) - n_behind]))


def _n_common(one: Sequence[Line], other: Sequence[Line]) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _usual_end(lines: Sequence[Line]) -> str:
    ends = [line.end for line in lines if line.end]
    return max(("\n", "\r\n"), key=ends.count) if ends else ""
