"""A change to one file as the user sees it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from acp_agent.model.content import Diff
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import Location, ToolOutcome, succeeded
from acp_agent.ports import Preview, Workspace
from acp_agent.tools.paths import title

MAX_DIFF = 200_000
"""Characters of one side of a diff; larger files are shown around the change."""

_CONTEXT = 3  # unchanged lines around a change


class Change(msgspec.Struct, frozen=True):
    """What is to become of one file. `old` is None if there is none yet; `summary` is for the model."""

    path: Path
    shown: str
    old: str | None
    new: str
    summary: str

    def preview(self, verb: str) -> Preview:
        """The change before it is made."""
        return Preview(
            title(verb, self.shown),
            "edit",
            Access("write", "edit", (str(self.path),)),
            content=(shown_diff(self.path, self.old, self.new),),
            locations=self._locations,
        )

    async def make(self, workspace: Workspace) -> ToolOutcome:
        """Write the file."""
        await workspace.write_text(self.path, self.new)
        outcome = succeeded(self.summary, display=(shown_diff(self.path, self.old, self.new),))
        return msgspec.structs.replace(outcome, locations=self._locations)

    @property
    def _locations(self) -> tuple[Location, ...]:
        return (Location(str(self.path), first_changed_line(self.old or "", self.new)),)


def shown_diff(path: Path, old: str | None, new: str) -> Diff:
    """The change, with whole texts where they are not too long."""
    if len(new) <= MAX_DIFF and len(old or "") <= MAX_DIFF:
        return Diff(str(path), new, old)
    if old is None:
        return Diff(str(path), _cut(new))
    old_lines, new_lines = old.split("\n"), new.split("\n")
    first = _common_prefix(old_lines, new_lines)
    shared = min(len(old_lines), len(new_lines)) - first
    last = min(shared, _common_prefix(old_lines[::-1], new_lines[::-1]))
    start = max(0, first - _CONTEXT)
    keep_after = max(0, last - _CONTEXT)
    return Diff(
        str(path),
        _cut("\n".join(new_lines[start : len(new_lines) - keep_after])),
        _cut("\n".join(old_lines[start : len(old_lines) - keep_after])),
    )


def first_changed_line(old: str, new: str) -> int:
    """The 1-based line at which the texts begin to differ."""
    return _common_prefix(old.split("\n"), new.split("\n")) + 1


def _common_prefix(one: list[str], other: list[str]) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _cut(text: str) -> str:
    if len(text) <= MAX_DIFF:
        return text
    return f"{text[:MAX_DIFF]}\n… ({len(text) - MAX_DIFF} more characters)"
