"""The tool `ls`: what is in a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import Location, ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import FileEntry, Preview, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.paths import shown_path, title
from acp_agent.tools.plaintext import one_line

if TYPE_CHECKING:
    from acp_agent import ports

MAX_ENTRIES = 1_000
"""Entries shown by one call."""


class LsArgs(msgspec.Struct, frozen=True):
    """Arguments of `ls`."""

    path: Annotated[
        str, msgspec.Meta(description="Directory to list, relative to the working directory.")
    ] = "."


class LsTool:
    """Shows the model the entries of one directory."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "ls",
            "List a directory, hidden entries included. Directories end with `/`, files show their size.",
            input_schema(LsArgs),
            kind="read",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Say which directory would be listed."""
        path = context.workspace.resolve(parse_args(LsArgs, args).path)
        return Preview(
            title("List", shown_path(context.workspace, path)),
            "read",
            Access("read", "read", (str(path),)),
            locations=(Location(str(path)),),
        )

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """List it."""
        path = context.workspace.resolve(parse_args(LsArgs, args).path)
        entries = await context.workspace.list_dir(path)
        if not entries:
            return succeeded("(the directory is empty)")
        lines = [_line(entry) for entry in entries[:MAX_ENTRIES]]
        if len(entries) > MAX_ENTRIES:
            lines.append(f"({len(entries) - MAX_ENTRIES} more entries; narrow down with `glob`)")
        return succeeded("\n".join(lines))


def _line(entry: FileEntry) -> str:
    name = one_line(entry.name, 1_000)
    return f"{name}/" if entry.is_dir else f"{name} ({entry.size_bytes} bytes)"


if TYPE_CHECKING:
    _: type[ports.Tool] = LsTool
