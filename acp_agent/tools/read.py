"""The tool `read`: part of a text file with line numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.errors import NotText, TooLarge, ToolError, WorkspaceError
from acp_agent.base.excerpt import count_lines
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import Location, ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, ToolContext, Workspace
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.paths import shown_path, title
from acp_agent.tools.plaintext import visible

if TYPE_CHECKING:
    from acp_agent import ports

MAX_LINE = 2_000
"""Characters shown of one line."""

MAX_OUTPUT = 100_000
"""Characters shown by one call."""

_WHOLE = 2_000  # lines of a file that are read without being asked for a part
_NOTHING = ("", "\ufeff")


class ReadArgs(msgspec.Struct, frozen=True):
    """Arguments of `read`."""

    path: Annotated[str, msgspec.Meta(description="File to read, relative to the working directory.")]
    offset: Annotated[int, msgspec.Meta(ge=1, description="First line to read; the file starts at 1.")] = 1
    limit: Annotated[int, msgspec.Meta(ge=1, description="Number of lines to read at most.")] = _WHOLE


class ReadTool:
    """Shows the model a file's lines, and how to get the rest."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "read",
            "Read a text file. Each line comes with its number and a tab before it; they are not part of the "
            "file. Long files come in parts: read on with `offset`.",
            input_schema(ReadArgs),
            kind="read",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Say which file would be read."""
        wanted = parse_args(ReadArgs, args)
        path = context.workspace.resolve(wanted.path)
        return Preview(
            title("Read", shown_path(context.workspace, path)),
            "read",
            Access("read", "read", (str(path),)),
            locations=(Location(str(path), wanted.offset),),
        )

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Read it."""
        wanted = parse_args(ReadArgs, args)
        path = context.workspace.resolve(wanted.path)
        if (wanted.offset, wanted.limit) == (1, _WHOLE):
            text = await _text(context.workspace, path)
            return succeeded(_numbered(text, 1, _WHOLE, total=count_lines(text)))
        # One line more than asked for tells whether there is more
        part = await _text(context.workspace, path, line=wanted.offset, limit=wanted.limit + 1)
        if part in _NOTHING and wanted.offset > 1:
            whole = await _text(context.workspace, path)
            if whole not in _NOTHING:
                raise ToolError(
                    f"`offset`: {wanted.offset} is past the end; the file has {count_lines(whole)} lines"
                )
        return succeeded(_numbered(part, wanted.offset, wanted.limit))


async def _text(
    workspace: Workspace, path: Path, *, line: int | None = None, limit: int | None = None
) -> str:
    shown = shown_path(workspace, path)
    try:
        return await workspace.read_text(path, line=line, limit=limit)
    except NotText as exc:
        raise ToolError(
            f"`{shown}` is not UTF-8 text; inspect it with `bash`, such as `file` or `xxd`"
        ) from exc
    except TooLarge as exc:
        raise ToolError(f"{exc}; search it with `grep` or read part of it with `bash`") from exc
    except WorkspaceError as exc:
        if await _is_directory(workspace, path):
            raise ToolError(f"`{shown}` is a directory; list it with `ls`") from exc
        raise


async def _is_directory(workspace: Workspace, path: Path) -> bool:
    try:
        await workspace.list_dir(path)
    except WorkspaceError:
        return False
    return True


def _numbered(text: str, offset: int, limit: int, *, total: int | None = None) -> str:
    """The first `limit` lines of `text`, which begins with line `offset` of a file of `total` lines."""
    if text in _NOTHING:
        return "(the file is empty)"
    lines = text.removeprefix("\ufeff").split("\n")
    if not lines[-1]:
        lines.pop()
    shown: list[str] = []
    size = 0
    for number, line in enumerate(lines[:limit], offset):
        numbered = f"{number:6d}\t{_cut(line.removesuffix(chr(13)))}"
        size += len(numbered) + 1
        if size > MAX_OUTPUT and shown:
            break
        shown.append(numbered)
    following = offset + len(shown)
    if len(shown) < len(lines):
        rest = f"{total - following + 1} more lines of {total}" if total else "more lines follow"
        shown.append(f"({rest}; read on with `offset`: {following})")
    return "\n".join(shown)


def _cut(line: str) -> str:
    if len(line) <= MAX_LINE:
        return visible(line)
    return f"{visible(line[:MAX_LINE])}… ({len(line) - MAX_LINE} more characters in this line)"


if TYPE_CHECKING:
    _: type[ports.Tool] = ReadTool
