"""Exact replacement of text, and advice when the text to replace is not there."""

from __future__ import annotations

import re

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.tools.plaintext import visible

_NUMBERED = re.compile(r"\s*\d+\t")
_MAX_COMPARED = 3_000  # lines that are searched for a similar one
_MAX_QUOTED = 5


class Replaced(msgspec.Struct, frozen=True):
    """The new text, and the 1-based lines (of the old text) where something was replaced."""

    text: str
    lines: tuple[int, ...]


def replace_exactly(text: str, old: str, new: str, *, replace_all: bool) -> Replaced:
    """`text` with `old` replaced by `new`; a file's own line ends win over those of the arguments.

    Raises:
        ToolError: `old` is not in the text, or there more than once without `replace_all`.
    """
    found = next((pair for pair in _with_line_ends_of(text, old, new) if pair[0] in text), None)
    if found is None:
        raise ToolError(_advice(text, old))
    positions = _positions(text, found[0])
    lines = _line_numbers(text, positions)
    if len(positions) > 1 and not replace_all:
        where = ", ".join(map(str, lines[:20])) + (", …" if len(lines) > 20 else "")
        raise ToolError(
            f"`old_text` is there {len(positions)} times, at lines {where}; add lines around it until it is "
            "unique, or set `replace_all`"
        )
    return Replaced(text.replace(*found), lines)


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
    found: list[int] = []
    at = text.find(wanted)
    while at >= 0:
        found.append(at)
        at = text.find(wanted, at + len(wanted))
    return found


def _line_numbers(text: str, positions: list[int]) -> tuple[int, ...]:
    numbers: list[int] = []
    line, seen = 1, 0
    for position in positions:
        line += text.count("\n", seen, position)
        seen = position
        numbers.append(line)
    return tuple(numbers)


def _advice(text: str, old: str) -> str:
    message = "`old_text` is not in the file"
    wanted = [line for line in old.split("\n") if line.strip()]
    if not wanted:
        return f"{message}: it is only white space that differs from the file's; copy a line with text too"
    if all(map(_NUMBERED.match, wanted)):
        return f"{message}: leave out the line numbers that `read` shows"
    lines = text.split("\n")
    if start := _same_but_for_space(lines, old.strip("\n").split("\n")):
        count = min(_MAX_QUOTED, len(wanted))
        quoted = _quoted(lines, range(start, start + count))
        return f"{message}, but lines from {start} on differ only in white space (tabs, spaces):\n{quoted}"
    if similar := _similar(lines, max(wanted, key=len)):
        return f"{message}; the most similar lines are:\n{_quoted(lines, similar)}"
    return f"{message}, nor is anything like it; read the file again"


def _same_but_for_space(lines: list[str], wanted: list[str]) -> int | None:
    bare = ["".join(line.split()) for line in lines]
    bare_wanted = ["".join(line.split()) for line in wanted]
    for index in range(len(bare) - len(bare_wanted) + 1):
        if bare[index] == bare_wanted[0] and bare[index : index + len(bare_wanted)] == bare_wanted:
            return index + 1
    return None


def _similar(lines: list[str], wanted: str) -> list[int]:
    """Up to three 1-based lines that resemble `wanted`, best first."""
    import difflib  # lazy: 3 ms, only for a failed edit

    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted.strip()[:300])
    scored: list[tuple[float, int]] = []
    for number, line in enumerate(lines[:_MAX_COMPARED], 1):
        matcher.set_seq1(line.strip()[:300])
        if matcher.real_quick_ratio() > 0.6 and matcher.quick_ratio() > 0.6:
            ratio = matcher.ratio()
            if ratio > 0.6:
                scored.append((-ratio, number))
    return [number for _, number in sorted(scored)[:3]]


def _quoted(lines: list[str], numbers: range | list[int]) -> str:
    return "\n".join(f"{number:6d}\t{visible(lines[number - 1].rstrip(chr(13)))[:300]}" for number in numbers)
