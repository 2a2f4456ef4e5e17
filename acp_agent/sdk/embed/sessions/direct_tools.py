"""Tools that the program calls itself: no model, and no permission to ask for."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping

from acp_agent.base.errors import (
    AcpAgentError,
    FileMissing,
    NotText,
    PathOutsideWorkspace,
    TooLarge,
    ToolError,
    WorkspaceError,
)
from acp_agent.base.ids import SessionId, ToolCallId, random_id
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model.content import Image, Text
from acp_agent.model.toolcall import ToolOutcome
from acp_agent.ports import Tool, ToolContext, Workspace
from acp_agent.sdk.embed.errors import ToolFailed
from acp_agent.sdk.embed.options.attachments import Attachment
from acp_agent.sdk.embed.options.fields import PathLike
from acp_agent.sdk.embed.runs.results import ErrorKind, ToolResult

OTHER_NAMES: Mapping[str, str] = {
    "file_path": "path",
    "old_string": "old_text",
    "new_string": "new_text",
}
"""What arguments are called elsewhere."""


NO_FILE = "no file matches"
_REMARK = re.compile(r"\(\d+ more files match; .*\)|\(stopped after .* s; .*\)")
"""What `glob` tells the model besides the files."""


class DirectTools(ABC):
    """Calls of single tools by name; `tool` is what runs them."""

    @abstractmethod
    async def tool(self, name: str, args: JsonObject) -> ToolResult:
        """Run a tool without model and permission; one that fails says so in its result."""

    async def write_file(self, path: PathLike, content: str) -> str:
        """Create or replace a file; says what was done.

        Raises:
            ToolFailed: it cannot be written.
        """
        return output_of(await self.tool("write", {"path": os.fspath(path), "content": content}))

    async def edit_file(self, path: PathLike, old_text: str, new_text: str, replace_all: bool = False) -> str:
        """Replace a text in a file; says what was done.

        Raises:
            ToolFailed: it is not there, or more than once.
        """
        args: JsonObject = {
            "path": os.fspath(path),
            "old_text": old_text,
            "new_text": new_text,
            "replace_all": replace_all,
        }
        return output_of(await self.tool("edit", args))

    async def patch_file(self, path: PathLike, diff: str) -> str:
        """Apply a unified diff to a file, wholly or not at all; says what was done.

        Raises:
            ToolFailed: it does not fit.
        """
        return output_of(await self.tool("patch", {"path": os.fspath(path), "diff": diff}))

    async def git(self, command: str, subcommand: str = "", **more: JsonValue) -> str:
        """What Git printed; `more` are further arguments of the tool `git`, such as `path` and `ref`.

        Raises:
            ToolFailed: there is no such command, or it failed.
        """
        return output_of(await self.tool("git", {"command": command, "subcommand": subcommand, **more}))

    async def bash(self, command: str) -> str:
        """What a command printed, also if it failed.

        Raises:
            ToolFailed: it could not be run, or took too long.
        """
        result = await self.tool("bash", {"command": command})
        return output_of(result) if result.data is None else result.output

    async def glob(self, pattern: str) -> list[str]:
        """The files whose paths match, the last changed first, 200 at most.

        Raises:
            ToolFailed: the pattern cannot be used.
        """
        lines = output_of(await self.tool("glob", {"pattern": pattern})).splitlines()
        return [line for line in lines if line != NO_FILE and not _REMARK.fullmatch(line)]

    async def grep(self, pattern: str) -> str:
        """The lines that match, with their files.

        Raises:
            ToolFailed: the pattern cannot be used.
        """
        return output_of(await self.tool("grep", {"pattern": pattern}))

    async def ls(self, path: PathLike = ".") -> str:
        """The names in a folder, a line each.

        Raises:
            ToolFailed: it cannot be listed.
        """
        return output_of(await self.tool("ls", {"path": os.fspath(path)}))


async def call_tool(
    tools: Mapping[str, Tool], name: str, args: JsonObject, workspace: Workspace, session_id: SessionId
) -> ToolResult:
    """Run a tool; one that fails says so in its result.

    Raises:
        ToolFailed: there is no such tool.
    """
    tool = tools.get(name)
    if tool is None:
        raise ToolFailed(name, f"there is no tool `{name}`; use one of: {', '.join(tools)}")
    if not isinstance(args, dict):  # pyright: ignore[reportUnnecessaryIsInstance] # callers need no types
        raise TypeError(f"the arguments of a tool are a mapping, not `{type(args).__name__}`")
    context = ToolContext(workspace, session_id, ToolCallId(random_id("call")), lambda patch: None)
    given = _renamed(args, tool)
    try:
        await tool.preview(given, context)
        outcome = await tool.run(given, context)
    except (ToolError, WorkspaceError) as exc:
        return ToolResult(name, str(exc), 1, error_kind=_kind(exc))
    return _result(name, outcome)


async def read_text(path: PathLike, workspace: Workspace) -> str:
    """The text of a file as it is.

    Raises:
        ToolFailed: it cannot be read.
    """
    try:
        return await workspace.read_text(workspace.resolve(os.fspath(path)))
    except AcpAgentError as exc:
        raise ToolFailed("read", str(exc)) from exc


def output_of(result: ToolResult) -> str:
    """What the tool said.

    Raises:
        ToolFailed: it failed.
    """
    if not result.success:
        raise ToolFailed(result.name, result.output)
    return result.output


def _renamed(args: JsonObject, tool: Tool) -> JsonObject:
    known = tool.spec.input_schema.get("properties")
    names = known if isinstance(known, dict) else {}
    return {name if name in names else OTHER_NAMES.get(name, name): value for name, value in args.items()}


def _kind(error: ToolError | WorkspaceError) -> ErrorKind | None:
    match error:
        case FileMissing():
            return "not_found"
        case PathOutsideWorkspace() | NotText() | ToolError():
            return "invalid_argument"
        case TooLarge():
            return "unsupported"
        case _:
            return None


def _result(name: str, outcome: ToolOutcome) -> ToolResult:
    import base64  # lazy: most results have no pictures

    text = "\n".join(part.text for part in outcome.for_model if isinstance(part, Text))
    images = tuple(
        Attachment(base64.b64decode(part.data), part.mime_type)
        for part in outcome.for_model
        if isinstance(part, Image)
    )
    raw = outcome.raw_output
    code = raw.get("exit_code") if isinstance(raw, dict) else None
    exit_code = code if isinstance(code, int) else int(outcome.is_error)
    kind: ErrorKind | None = "timeout" if outcome.is_error and " timed out after " in text else None
    return ToolResult(name, text, exit_code, images, raw, kind)
