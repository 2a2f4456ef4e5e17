"""The tool `grep`: lines by regular expression."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from anyio import from_thread, to_thread

from acp_agent.base.errors import FileMissing, ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec, succeeded
from acp_agent.ports import Preview, ToolContext, Workspace
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.globbing import compile_filter
from acp_agent.tools.paths import shown_path, title
from acp_agent.tools.plaintext import one_line, visible
from acp_agent.tools.searching import Matches, search
from acp_agent.tools.walking import SKIPPED, walk

if TYPE_CHECKING:
    from acp_agent import ports

TIME_LIMIT = 10.0
"""Seconds after which a search ends with what it has found."""

MAX_LINE = 500
"""Characters shown of one line."""

_RIPGREP_OPTIONS = (
    *("--no-config", "--no-messages", "--color=never", "--no-heading", "--with-filename", "--line-number"),
    *("--null", "--hidden", "--no-ignore", "--sort=path", "--max-filesize=10M", "--max-columns=4000"),
    "--max-columns-preview",
)
_WORKER = Path(__file__).with_name("grep_worker.py")


class GrepArgs(msgspec.Struct, frozen=True):
    """Arguments of `grep`."""

    pattern: Annotated[
        str, msgspec.Meta(min_length=1, description="Regular expression, matched line by line.")
    ]
    path: Annotated[
        str, msgspec.Meta(description="Directory or file to search, relative to the working directory.")
    ] = "."
    glob: Annotated[
        str, msgspec.Meta(description="Search only files that match, such as `*.py` or `src/**/*.ts`.")
    ] = ""
    ignore_case: Annotated[bool, msgspec.Meta(description="Match upper and lower case alike.")] = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=2_000, description="Lines to show at most.")] = 200


class GrepTool:
    """Finds lines in text files, with ripgrep at `ripgrep` or, if that is None, without.

    A ripgrep inside the workspace is never run: whoever can write there could have planted it. A search
    ends after `timeout` seconds, however slow the pattern.
    """

    def __init__(self, ripgrep: Path | None = None, *, timeout: float = TIME_LIMIT) -> None:
        self._ripgrep = ripgrep
        self._timeout = timeout
        self.spec = ToolSpec(
            "grep",
            "Search text files for a regular expression; answers with `path:line:text`. Hidden files are "
            "searched too; version control, dependency and cache directories such as `.git` and "
            "`node_modules` are skipped unless `path` is inside them.",
            input_schema(GrepArgs),
            kind="search",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Say what would be searched."""
        wanted = _parsed(args)
        path = context.workspace.resolve(wanted.path)
        where = shown_path(context.workspace, path)
        verb = "Search for" if where == "." else f"Search {one_line(where, 80)} for"
        return Preview(title(verb, wanted.pattern), "search", Access("read", "read", (str(path),)))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Search."""
        wanted = _parsed(args)
        path = context.workspace.resolve(wanted.path)
        if not path.exists():
            raise FileMissing(shown_path(context.workspace, path))
        top, only = (path, None) if path.is_dir() else (path.parent, path.name)
        try:
            if self._ripgrep and not _is_inside(context.workspace, self._ripgrep):
                argv, stdin = _ripgrep_command(self._ripgrep, wanted, only), b""
            else:
                argv, stdin = (
                    _worker_command(wanted),
                    await to_thread.run_sync(_file_list, top, only, wanted.glob),
                )
            matches = await search(argv, cwd=top, stdin=stdin, limit=wanted.limit, timeout=self._timeout)
        except OSError as exc:
            raise ToolError(f"the search cannot be started: {(exc.strerror or str(exc)).lower()}") from exc
        return succeeded(self._told(matches, top, context.workspace))

    def _told(self, matches: Matches, top: Path, workspace: Workspace) -> str:
        if matches.fault:
            raise ToolError(f"`pattern`: {visible(matches.fault.strip())[:500]}")
        lines = [
            f"{shown_path(workspace, top / match.name)}:{match.number}:{_cut(match.line)}"
            for match in matches.found
        ]
        if matches.timed_out:
            advice = "simplify the pattern or search a smaller directory"
            if not lines:
                raise ToolError(f"nothing found within {self._timeout:g} s; {advice}")
            lines.append(f"(stopped after {self._timeout:g} s; {advice})")
        elif matches.more:
            lines.append("(more lines match; narrow the pattern or raise `limit`)")
        return "\n".join(lines) or "no line matches"


def find_ripgrep() -> Path | None:
    """The first `rg` in a directory that `PATH` names absolutely, or None."""
    program = "rg.exe" if os.name == "nt" else "rg"
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        candidate = Path(directory, program)
        if candidate.is_absolute() and candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    return None


def _parsed(args: JsonObject) -> GrepArgs:
    wanted = parse_args(GrepArgs, args)
    if "\0" in wanted.pattern or "\n" in wanted.pattern:
        raise ToolError("`pattern`: lines are searched one by one; leave out line breaks and NUL")
    if wanted.glob:
        try:
            compile_filter(wanted.glob)
        except ValueError as exc:
            raise ToolError(f"`glob`: {exc}") from exc
    return wanted


def _is_inside(workspace: Workspace, program: Path) -> bool:
    real = Path(os.path.realpath(program))
    places = {program, *program.parents, real, *real.parents}
    return any(root in places for root in workspace.roots)


def _ripgrep_command(program: Path, wanted: GrepArgs, only: str | None) -> list[str]:
    options = list(_RIPGREP_OPTIONS)
    if wanted.ignore_case:
        options.append("--ignore-case")
    if wanted.glob and only is None:
        options.append(f"--glob={wanted.glob.removeprefix('./')}")
    options += [f"--glob=!**/{name}/**" for name in sorted(SKIPPED)]
    return [str(program), *options, f"--regexp={wanted.pattern}", "--", f"./{only}" if only else "."]


def _worker_command(wanted: GrepArgs) -> list[str]:
    interpreter = [sys.executable, "-I", "-S", str(_WORKER)]
    return [*interpreter, wanted.pattern, *(["i"] if wanted.ignore_case else [])]


def _file_list(top: Path, only: str | None, glob: str) -> bytes:
    """The files to search, each ended by NUL."""
    if only is not None:
        return os.fsencode(f"{only}\0")
    matches = compile_filter(glob) if glob else None
    names: list[str] = []
    for number, (path, _) in enumerate(walk(top)):
        if number % 256 == 0:
            from_thread.check_cancelled()
        if matches is None or matches(path):
            names.append(f"{'/'.join(path)}\0")
    return os.fsencode("".join(names))


def _cut(line: str) -> str:
    return visible(line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…")


if TYPE_CHECKING:
    _: type[ports.Tool] = GrepTool
