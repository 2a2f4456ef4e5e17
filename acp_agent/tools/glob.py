"""The tool `glob`: files by name."""

from __future__ import annotations

import heapq
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from anyio import from_thread, to_thread

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.globbing import Matcher, compile_glob
from acp_agent.tools.paths import shown_path, title
from acp_agent.tools.walking import walk

if TYPE_CHECKING:
    from acp_agent import ports

MAX_FILES = 200
"""Files shown by one call."""

TIME_LIMIT = 10.0
"""Seconds after which a search ends with what it has found."""


class GlobArgs(msgspec.Struct, frozen=True):
    """Arguments of `glob`."""

    pattern: Annotated[str, msgspec.Meta(min_length=1, description="Pattern such as `src/**/*.{ts,tsx}`.")]
    path: Annotated[
        str, msgspec.Meta(description="Directory to search, relative to the working directory.")
    ] = "."


class _Found(msgspec.Struct, frozen=True):
    newest: list[Path]
    total: int
    complete: bool


class GlobTool:
    """Finds files by name, the last changed first."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "glob",
            "Find files by name, last changed first. `**` stands for any directories, `*` for a part of a "
            "name, `{a,b}` for choices. Version control, dependency and cache directories such as `.git` and "
            "`node_modules` are skipped unless `path` is inside them.",
            input_schema(GlobArgs),
            kind="search",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Say what would be searched."""
        wanted = parse_args(GlobArgs, args)
        _matcher(wanted.pattern)
        path = context.workspace.resolve(wanted.path)
        return Preview(title("Find", wanted.pattern), "search", Access("read", "read", (str(path),)))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Search."""
        wanted = parse_args(GlobArgs, args)
        matches = _matcher(wanted.pattern)
        top = context.workspace.resolve(wanted.path)
        found = await to_thread.run_sync(_search, top, matches)
        lines = [shown_path(context.workspace, path) for path in found.newest]
        if found.total > len(lines):
            lines.append(f"({found.total - len(lines)} more files match; narrow the pattern)")
        if not found.complete:
            lines.append(f"(stopped after {TIME_LIMIT:g} s; search a smaller directory)")
        return succeeded("\n".join(lines) or "no file matches")


def _matcher(pattern: str) -> Matcher:
    try:
        return compile_glob(pattern)
    except ValueError as exc:
        raise ToolError(f"`pattern`: {exc}; name the directory with `path`") from exc


def _search(top: Path, matches: Matcher) -> _Found:
    if not top.is_dir():
        raise ToolError(f"`path`: `{top.name}` is not a directory")
    ends_at = time.monotonic() + TIME_LIMIT
    dated: list[tuple[float, Path]] = []
    complete = True
    for number, (path, entry) in enumerate(walk(top)):
        if number % 256 == 0:
            from_thread.check_cancelled()
            if time.monotonic() > ends_at:
                complete = False
                break
        if matches(path):
            try:
                changed_at = entry.stat(follow_symlinks=False).st_mtime
            except OSError:  # gone since it was listed
                continue
            dated.append((changed_at, Path(entry.path)))
    # equal times, as after a checkout, are ordered by name
    newest = heapq.nsmallest(MAX_FILES, dated, key=lambda item: (-item[0], item[1]))
    return _Found([path for _, path in newest], len(dated), complete)


if TYPE_CHECKING:
    _: type[ports.Tool] = GlobTool
