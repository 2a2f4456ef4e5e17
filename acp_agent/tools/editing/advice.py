"""What helps a model whose quote is nowhere in a file: the nearest place, with line numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from acp_agent.tools.editing.lookalikes import looks_of
from acp_agent.tools.editing.places import windows
from acp_agent.tools.editing.spellings import is_numbered, meant
from acp_agent.tools.plaintext import visible

_MAX_COMPARED = 3_000  # lines that are searched for a similar one
_MAX_QUOTED = 12  # lines of a place that are shown
_MAX_LISTED = 20
_AROUND = 1  # lines shown before and after those that are the same
_STRAY = 5  # lines that may be missing or too many between those that are the same


def advice(lines: Sequence[str], quoted: Sequence[str], what: str = "`old_text`") -> str:
    """Why `quoted` was not found, and what to do."""
    message = f"{what} is not in the file"
    if not any(line.strip() for line in quoted):
        return f"{message}: it is only white space that differs from the file's; copy a line with text too"
    for lines_meant, remedy in meant(quoted):
        if start := _alike(lines, lines_meant):
            return f"{message}, but would be at line {start}: {remedy}, in the new text too"
    if is_numbered(quoted):
        return f"{message}: leave out the line numbers that `read` shows"
    if len(quoted) == 1 and (start := _alike(lines, quoted)):
        place = _quoted(lines, range(start, start + 1))
        return f"{message}, but like a part of line {start}; quote that line as a whole:\n{place}"
    if start := _same_but_for_space(lines, quoted):
        place = _quoted(lines, range(start, start + len(quoted)))
        return f"{message}, but lines from {start} on differ only in white space (tabs, spaces):\n{place}"
    if nearest := _nearest(lines, quoted):
        first, last = nearest[0], nearest[-1]
        odd = _odd_one_out(lines[first - 1 : last], quoted)
        reason = f"; this line of it is not there: `{visible(odd.strip())[:120]}`" if odd else ""
        return (
            f"{message}; the nearest place is lines {first} to {last}{reason}; lines may be missing or "
            f"too many. Quote what is there now:\n{_quoted(lines, nearest)}"
        )
    if similar := _similar(lines, max(quoted, key=len)):
        return f"{message}; the most similar lines are:\n{_quoted(lines, similar)}"
    return f"{message}, nor is anything like it; read the file again"


def listed(numbers: Iterable[int]) -> str:
    """Line numbers in a row, the first of them if there are many."""
    given = list(numbers)
    return ", ".join(map(str, given[:_MAX_LISTED])) + (", …" if len(given) > _MAX_LISTED else "")


def _alike(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """The 1-based line where what looks like `wanted` begins; a single line may be a part of one."""
    looks = [looks_of(line) for line in lines]
    head, *rest = map(looks_of, wanted)
    if not rest:
        return next((number for number, look in enumerate(looks, 1) if head and head in look), None)
    return next((at for at in windows(looks, rest) if at and looks[at - 1].endswith(head)), None)


def _same_but_for_space(lines: Sequence[str], quoted: Sequence[str]) -> int | None:
    bare = ["".join(line.split()) for line in lines]
    wanted = ["".join(line.split()) for line in quoted]
    return next((at + 1 for at in windows(bare, wanted)), None)


def _nearest(lines: Sequence[str], quoted: Sequence[str]) -> range | None:
    """The 1-based lines around the most quoted lines that stand together; a rare line counts for more."""
    looks = [looks_of(line) for line in lines]
    places: dict[str, list[int]] = {}
    for number, look in enumerate(looks):
        if any(map(str.isalnum, look)):
            places.setdefault(look, []).append(number)
    shared = [(index, places.get(looks_of(line), [])) for index, line in enumerate(quoted)]
    votes: Counter[int] = Counter()
    for index, numbers in shared:
        for number in numbers[:_MAX_COMPARED]:
            votes[number - index] += 1_000 // len(numbers)
    if not votes:
        return None
    offset = max(votes, key=lambda one: votes[one] + sum(votes[near] for near in _strays(one)))
    nearest = [
        (index, min(numbers, key=lambda one: abs(one - index - offset)))
        for index, numbers in shared
        if numbers
    ]
    together = [number for index, number in nearest if number - index in _strays(offset)]
    first, last = min(together) + 1, max(together) + 1
    return range(max(first - _AROUND, 1), min(last + _AROUND, len(lines)) + 1)


def _strays(offset: int) -> range:
    return range(offset - _STRAY, offset + _STRAY + 1)


def _odd_one_out(place: Sequence[str], quoted: Sequence[str]) -> str:
    """The first quoted line that is not at the place, or nothing."""
    there = {looks_of(line) for line in place}
    return next((line for line in quoted if line.strip() and looks_of(line) not in there), "")


def _similar(lines: Sequence[str], wanted: str) -> list[int]:
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


def _quoted(lines: Sequence[str], numbers: Sequence[int]) -> str:
    shown = numbers[:_MAX_QUOTED]
    more = "" if len(shown) == len(numbers) else "\n     …"
    return "\n".join(f"{number:6d}\t{visible(lines[number - 1])[:300]}" for number in shown) + more
