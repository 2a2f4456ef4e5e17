"""Replacing text: exact quotes to the letter, imperfect ones at their place and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from acp_agent.base.errors import ToolError
from acp_agent.tools.editing.elisions import elision
from acp_agent.tools.editing.indentation import relation
from acp_agent.tools.editing.lookalikes import carried_over, folded
from acp_agent.tools.editing.places import split_lines
from acp_agent.tools.editing.replacing import Replaced, replace_text
from acp_agent.tools.editing.unified import Hunk, patched

DISTORTIONS = {
    "shifted": lambda line: f"  {line}" if line.strip() else line,
    "unindented": lambda line: line.lstrip(" "),
    "trailing": lambda line: f"{line} ",
    "quotes": lambda line: line.replace("'", "\u2019").replace("-", "\u2013"),
    "windows": lambda line: f"{line}\r",
}

_texts = st.text(st.sampled_from("ab '-\n\t"), max_size=12)
_bodies = st.text(st.sampled_from("abcdefg'- "), min_size=1, max_size=8).filter(str.strip)
_ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def files(draw: st.DrawFn) -> list[str]:
    """Lines without ends, no two alike, some indented, some blank."""
    bodies = draw(st.lists(_bodies, min_size=1, max_size=8))
    return [f"{'    ' * draw(st.integers(0, 2))}{number}{body}" for number, body in enumerate(bodies)]


@given(before=_texts, old=_texts.filter(str.strip), after=_texts, new=_texts)
def test_an_exact_edit_is_always_applied_exactly(before: str, old: str, after: str, new: str) -> None:
    text = before + old + after
    places = [at for at in range(len(text)) if text.startswith(old, at)]
    assume(len(places) == 1 and (old[0] not in " \t" or not before or before.endswith("\n")))
    line = before.count("\n") + 1
    assert replace_text(text, old, new, replace_all=False) == Replaced(before + new + after, (line,))


@given(file=files(), data=st.data(), end=_ends, wanted=st.lists(_bodies, max_size=4))
def test_a_fuzzy_edit_never_changes_a_line_outside_its_place(
    file: list[str], data: st.DataObject, end: str, wanted: list[str]
) -> None:
    first = data.draw(st.integers(0, len(file) - 1))
    last = data.draw(st.integers(first + 1, len(file)))
    distort = DISTORTIONS[data.draw(st.sampled_from(sorted(DISTORTIONS)))]
    quoted = [distort(line) for line in file[first:last]]
    keeps_end = data.draw(st.booleans())
    text = "".join(line + end for line in file)
    ended = "\n" if keeps_end else ""
    old, new = "\n".join(quoted) + ended, "\n".join(map(distort, wanted)) + (ended if wanted else "")
    try:
        made = replace_text(text, old, new, replace_all=False).text
    except ToolError:
        return
    before = "".join(line + end for line in file[:first])
    after = "".join(line + end for line in file[last:])
    assert made.startswith(before)
    assert made.endswith(after)


@given(file=files(), data=st.data(), end=_ends)
def test_what_is_quoted_imperfectly_and_left_alone_stays_to_the_letter(
    file: list[str], data: st.DataObject, end: str
) -> None:
    distort = DISTORTIONS[data.draw(st.sampled_from(["shifted", "trailing", "quotes"]))]
    text = "".join(line + end for line in file)
    quoted = [distort(line) for line in file]
    if len(quoted) < 2 or "".join(quoted) == "".join(file):
        return
    changed = data.draw(st.integers(0, len(file) - 1))
    wanted = [*quoted[:changed], f"{quoted[changed].rstrip()}x", *quoted[changed + 1 :]]
    made = replace_text(text, "\n".join(quoted), "\n".join(wanted), replace_all=False).text
    now = made.split(end)
    assert [*now[:changed], *now[changed + 1 :]] == [*file[:changed], *file[changed + 1 :], ""]
    assert folded(now[changed].rstrip()) == folded(f"{file[changed].rstrip()}x")


@given(file=files(), data=st.data())
def test_a_diff_changes_what_it_says_wherever_its_numbers_point(file: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(file) - 1))
    around = file[max(at - 2, 0) : at], file[at + 1 : at + 3]
    hunk = Hunk((*around[0], file[at], *around[1]), (*around[0], "new", "newer", *around[1]))
    made, lines = patched("".join(f"{line}\n" for line in file), [hunk])
    assert made.splitlines() == [*file[:at], "new", "newer", *file[at + 1 :]]
    assert lines == (at + 1,)


@given(st.text(st.sampled_from("a\r\n"), max_size=12))
def test_lines_joined_are_the_text(text: str) -> None:
    assert "".join(f"{line.text}{line.end}" for line in split_lines(text)) == text


@given(
    old=st.text(st.sampled_from("ab'\"-"), max_size=8),
    new=st.text(st.sampled_from("ab'\"-"), max_size=8),
    odd=st.sampled_from(["\u2019\u201c\u2013", "\u2018\u201d\u2014"]),
)
def test_what_is_carried_over_looks_like_what_is_wanted(old: str, new: str, odd: str) -> None:
    actual = old.translate(str.maketrans("'\"-", odd))
    assert folded(carried_over(old, new, actual)) == folded(new)


@pytest.mark.parametrize(
    ("pairs", "known"),
    [
        ([("", "")], {"": "", "  ": "  "}),
        ([("", "  "), ("  ", "    ")], {"    ": "      "}),
        ([("    ", "  ")], {"      ": "    ", "": None}),
        ([("    ", "\t"), ("        ", "\t\t")], {"            ": "\t\t\t", "": "", "   ": None}),
        ([("    ", "\t")], {"        ": "\t\t", "\t": None}),
        ([("\t", "    "), ("\t\t", "        ")], {"": "", "\t\t\t": " " * 12}),
        ([("", "\t")], {"    ": None}),
        ([("", ""), ("  ", "    ")], {"    ": "        "}),
        ([("      ", "\t")], {"      ": "\t", "            ": None}),
        ([("\t  ", "  \t")], None),
        ([("", ""), ("  ", "    "), ("    ", "      ")], None),
        ([("", " "), ("", "  ")], None),
        ([("  ", "\t"), ("    ", "\t")], None),
    ],
)
def test_indentation_follows_the_one_relation_that_is_known(
    pairs: list[tuple[str, str]], known: dict[str, str | None] | None
) -> None:
    found = relation(pairs)
    if found is None or known is None:
        assert found is known
        return
    assert {indent: found(indent) for indent in known} == known
    assert all(found(model) == file for model, file in pairs)


@pytest.mark.parametrize(
    "new", [f"#{' ' * 100_000}...", f"#...{' rest' * 30_000}", f"...{' rest...' * 30_000}x"]
)
def test_no_new_text_is_looked_at_for_long(new: str) -> None:
    elision("a", "a\nb\nc", new)  # what grows with the square would take minutes
