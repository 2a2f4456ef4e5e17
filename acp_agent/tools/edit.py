"""The tool `edit`: replace a piece of a text file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.errors import FileMissing, ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import Location, ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, ToolContext, Workspace
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.changes import first_changed_line, shown_diff
from acp_agent.tools.paths import shown_path, title
from acp_agent.tools.replacing import replace_exactly

if TYPE_CHECKING:
    from acp_agent import ports


class EditArgs(msgspec.Struct, frozen=True):
    """Arguments of `edit`."""

    path: Annotated[str, msgspec.Meta(description="File to change, relative to the working directory.")]
    old_text: Annotated[
        str, msgspec.Meta(description="Text to replace, exactly as in the file, without line numbers.")
    ]
    new_text: Annotated[str, msgspec.Meta(description="Text to put in its place.")]
    replace_all: Annotated[
        bool, msgspec.Meta(description="Replace every occurrence; otherwise there must be just one.")
    ] = False


class _Change(msgspec.Struct, frozen=True):
    path: Path
    shown: str
    old: str | None
    new: str
    summary: str


class EditTool:
    """Replaces text that the model quotes exactly."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "edit",
            "Replace text in a file. `old_text` must match the file exactly, white space included, and be "
            "unique in it unless `replace_all` is set. An empty `old_text` fills a new or empty file.",
            input_schema(EditArgs),
            kind="edit",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Show the change."""
        change = await _planned(args, context.workspace)
        return Preview(
            title("Edit", change.shown),
            "edit",
            Access("write", "edit", (str(change.path),)),
            content=(shown_diff(change.path, change.old, change.new),),
            locations=_locations(change),
        )

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Change the file as it is now, which may not be as it was when the change was shown."""
        change = await _planned(args, context.workspace)
        await context.workspace.write_text(change.path, change.new)
        outcome = succeeded(change.summary, display=(shown_diff(change.path, change.old, change.new),))
        return msgspec.structs.replace(outcome, locations=_locations(change))


async def _planned(args: JsonObject, workspace: Workspace) -> _Change:
    wanted = parse_args(EditArgs, args)
    if wanted.old_text == wanted.new_text:
        raise ToolError("`old_text` and `new_text` are the same; nothing would change")
    path = workspace.resolve(wanted.path)
    shown = shown_path(workspace, path)
    try:
        old = await workspace.read_text(path)
    except FileMissing as exc:
        if wanted.old_text:
            raise ToolError(
                f"no such file: `{shown}`; find it with `glob`, or create it with `write`"
            ) from exc
        return _Change(path, shown, None, wanted.new_text, f"created `{shown}`")
    if not wanted.old_text:
        if old:
            raise ToolError(f"`old_text` is empty but `{shown}` is not; quote the text to replace")
        return _Change(path, shown, old, wanted.new_text, f"filled `{shown}`")
    replaced = replace_exactly(old, wanted.old_text, wanted.new_text, replace_all=wanted.replace_all)
    if replaced.text == old:
        raise ToolError("the texts differ only in line ends, which stay as the file has them")
    count, first = len(replaced.lines), replaced.lines[0]
    where = f"line {first}" if count == 1 else f"{count} places, first at line {first}"
    return _Change(path, shown, old, replaced.text, f"edited `{shown}` at {where}")


def _locations(change: _Change) -> tuple[Location, ...]:
    return (Location(str(change.path), first_changed_line(change.old or "", change.new)),)


if TYPE_CHECKING:
    _: type[ports.Tool] = EditTool
