"""The tool `patch`: a unified diff applied to one text file, all of it or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from anyio import to_thread

from acp_agent.base.errors import FileMissing, ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import Location, ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, ToolContext, Workspace
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.changes import first_changed_line, shown_diff
from acp_agent.tools.edit import IN_THREAD
from acp_agent.tools.paths import shown_path, title

if TYPE_CHECKING:
    from acp_agent import ports


class PatchArgs(msgspec.Struct, frozen=True):
    """Arguments of `patch`."""

    path: Annotated[str, msgspec.Meta(description="File to change, relative to the working directory.")]
    diff: Annotated[
        str, msgspec.Meta(min_length=1, description="Unified diff of this file, with lines of context.")
    ]


class _Change(msgspec.Struct, frozen=True):
    path: Path
    old: str | None
    new: str
    summary: str


class PatchTool:
    """Applies a diff whose lines are found by what they say, not by their numbers."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "patch",
            "Apply a unified diff to one file, wholly or not at all. Line numbers may be wrong: each hunk is "
            "put where its context and removed lines are, so they must be unique in the file. A diff of a "
            "new file creates it.",
            input_schema(PatchArgs),
            kind="edit",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Show the change."""
        change = await _planned(args, context.workspace)
        return Preview(
            title("Patch", shown_path(context.workspace, change.path)),
            "edit",
            Access("write", "edit", (str(change.path),)),
            content=(shown_diff(change.path, change.old, change.new),),
            locations=_locations(change),
        )

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Change the file as it is now."""
        change = await _planned(args, context.workspace)
        await context.workspace.write_text(change.path, change.new)
        outcome = succeeded(change.summary, display=(shown_diff(change.path, change.old, change.new),))
        return msgspec.structs.replace(outcome, locations=_locations(change))


async def _planned(args: JsonObject, workspace: Workspace) -> _Change:
    from acp_agent.tools.editing import unified  # lazy: most sessions see no diff

    wanted = parse_args(PatchArgs, args)
    path = workspace.resolve(wanted.path)
    shown = shown_path(workspace, path)
    hunks = unified.parse_diff(wanted.diff)
    try:
        old = await workspace.read_text(path)
    except FileMissing as exc:
        try:
            return _Change(path, None, unified.created(hunks), f"created `{shown}`")
        except ToolError as why:
            raise ToolError(f"no such file: `{shown}`; {why}") from exc
    if not old and not any(hunk.quoted for hunk in hunks):
        return _Change(path, old, unified.created(hunks), f"filled `{shown}`")
    if len(old) > IN_THREAD:
        new, lines = await to_thread.run_sync(unified.patched, old, hunks)
    else:
        new, lines = unified.patched(old, hunks)
    if new == old:
        raise ToolError("the diff changes nothing in this file")
    where = f"line {lines[0]}" if len(lines) == 1 else f"{len(lines)} places, first at line {lines[0]}"
    return _Change(path, old, new, f"patched `{shown}` at {where}")


def _locations(change: _Change) -> tuple[Location, ...]:
    return (Location(str(change.path), first_changed_line(change.old or "", change.new)),)


if TYPE_CHECKING:
    _: type[ports.Tool] = PatchTool
