"""The tool `write`: create or replace a whole text file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.errors import FileMissing, NotText, ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import Location, ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, ToolContext, Workspace
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.changes import shown_diff
from acp_agent.tools.paths import shown_path, title

if TYPE_CHECKING:
    from acp_agent import ports


class WriteArgs(msgspec.Struct, frozen=True):
    """Arguments of `write`."""

    path: Annotated[str, msgspec.Meta(description="File to write, relative to the working directory.")]
    content: Annotated[str, msgspec.Meta(description="The whole new content.")]


class WriteTool:
    """Creates or replaces a file."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "write",
            "Create a file, or replace all of an existing one. Missing directories are made. "
            "To change a part of a file use `edit`.",
            input_schema(WriteArgs),
            kind="edit",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Show the new content beside the old."""
        wanted = parse_args(WriteArgs, args)
        path = context.workspace.resolve(wanted.path)
        old = await _present(context.workspace, path)
        return Preview(
            title("Write", shown_path(context.workspace, path)),
            "edit",
            Access("write", "edit", (str(path),)),
            content=(shown_diff(path, old, wanted.content),),
            locations=(Location(str(path)),),
        )

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Write it."""
        wanted = parse_args(WriteArgs, args)
        path = context.workspace.resolve(wanted.path)
        shown = shown_path(context.workspace, path)
        old = await _present(context.workspace, path)
        await context.workspace.write_text(path, wanted.content)
        n_lines = wanted.content.count("\n") + (not wanted.content.endswith("\n") and bool(wanted.content))
        verb = "created" if old is None else "replaced"
        size = "1 line" if n_lines == 1 else f"{n_lines} lines"
        return succeeded(f"{verb} `{shown}` ({size})", display=(shown_diff(path, old, wanted.content),))


async def _present(workspace: Workspace, path: Path) -> str | None:
    """The text that would be replaced, None for a new file."""
    try:
        return await workspace.read_text(path)
    except FileMissing:
        return None
    except NotText as exc:
        raise ToolError(
            f"`{shown_path(workspace, path)}` is not a text file; move it away before you replace it"
        ) from exc


if TYPE_CHECKING:
    _: type[ports.Tool] = WriteTool
