"""The tool `patch`: a unified diff applied to one text file, all of it or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from anyio import to_thread

from acp_agent.base.errors import FileMissing, ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.toolcall import ToolOutcome, ToolSpec
from acp_agent.ports import Preview, ToolContext, Workspace
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.changes import Change
from acp_agent.tools.edit import IN_THREAD
from acp_agent.tools.paths import shown_path

if TYPE_CHECKING:
    from acp_agent import ports


class PatchArgs(msgspec.Struct, frozen=True):
    """Arguments of `patch`."""

    path: Annotated[str, msgspec.Meta(description="File to change, relative to the working directory.")]
    diff: Annotated[
        str, msgspec.Meta(min_length=1, description="Unified diff of this file, with lines of context.")
    ]


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
        return (await _planned(args, context.workspace)).preview("Patch")

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Change the file as it is now."""
        return await (await _planned(args, context.workspace)).make(context.workspace)


async def _planned(args: JsonObject, workspace: Workspace) -> Change:
    from acp_agent.tools.editing import unified  # lazy: most sessions see no diff

    wanted = parse_args(PatchArgs, args)
    path = workspace.resolve(wanted.path)
    shown = shown_path(workspace, path)
    hunks = unified.parse_diff(wanted.diff)
    try:
        old = await workspace.read_text(path)
    except FileMissing as exc:
        try:
            return Change(path, shown, None, unified.created(hunks), f"created `{shown}`")
        except ToolError as why:
            raise ToolError(f"no such file: `{shown}`; {why}") from exc
    if not old and not any(hunk.quoted for hunk in hunks):
        return Change(path, shown, old, unified.created(hunks), f"filled `{shown}`")
    if len(old) > IN_THREAD:
        new, lines = await to_thread.run_sync(unified.patched, old, hunks, abandon_on_cancel=True)
    else:
        new, lines = unified.patched(old, hunks)
    if new == old:
        raise ToolError("the diff changes nothing in this file")
    where = f"line {lines[0]}" if len(lines) == 1 else f"{len(lines)} places, first at line {lines[0]}"
    return Change(path, shown, old, new, f"patched `{shown}` at {where}")


if TYPE_CHECKING:
    _: type[ports.Tool] = PatchTool
