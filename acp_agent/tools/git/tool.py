"""The tool `git`: looking at a repository unasked, changing it when the user agrees."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Printed, Text, ToolContent
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec
from acp_agent.ports import Preview, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.git.commands import GitArgs, git_line
from acp_agent.tools.plaintext import one_line
from acp_agent.tools.shell.line import shell_access
from acp_agent.tools.shell.programs import is_from_outside
from acp_agent.tools.shell.running import run_line

if TYPE_CHECKING:
    from acp_agent import ports

TIME_LIMIT = 120.0
"""Seconds that a call may take."""

_LOGIN = re.compile(r"(?<=://)[^/\s]+@")  # to the last `@`: a password may hold one
_UNSAFE_IN_CMD = re.compile(r"[\"%!^&|<>()\r\n]")


class GitTool:
    """Runs Git in the working directory.

    `posix` says that commands are run by a POSIX shell.
    """

    def __init__(self, *, posix: bool = os.name == "posix") -> None:
        self._posix = posix
        self.spec = ToolSpec(
            "git",
            "Look at the Git repository of the working directory (status, log, diff, lists of branches, "
            "stashes, remotes and work trees), or change branches, stashes and work trees. Anything else, "
            "such as committing, is done with `bash`.",
            input_schema(GitArgs),
            kind="execute",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Say which command would be run."""
        from acp_agent.tools.git.repository import may_start_programs  # lazy: only with the first call

        line = git_line(parse_args(GitArgs, args), context.workspace)
        text = self._written(line.words)
        access = shell_access(text, context.workspace, posix=self._posix)
        roots = context.workspace.roots
        if line.reads and is_from_outside(line.words[0], roots) and not may_start_programs(roots[0]):
            access = Access("read", access.subject, (str(roots[0]),), access.line)
        return Preview(one_line(text), "read" if line.reads else "execute", access)

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Run it to its end."""
        line = git_line(parse_args(GitArgs, args), context.workspace)
        outcome = await run_line(self._written(line.safe_words), context, timeout=TIME_LIMIT)
        return outcome if line.words[1] != "remote" else _without_logins(outcome)

    def _written(self, words: tuple[str, ...]) -> str:
        if self._posix:
            return shlex.join(words)
        for word in words:
            if _UNSAFE_IN_CMD.search(word):
                raise ToolError(f"`{one_line(word)}` has signs that the shell takes for its own")
        return " ".join(f'"{word}"' if " " in word else word for word in words)


def _without_logins(outcome: ToolOutcome) -> ToolOutcome:
    """The same without names and passwords in addresses."""
    told = tuple(
        Text(_LOGIN.sub("***@", part.text)) if isinstance(part, Text) else part for part in outcome.for_model
    )

    def shown(content: ToolContent) -> ToolContent:
        if isinstance(content, Printed):
            return msgspec.structs.replace(content, text=_LOGIN.sub("***@", content.text))
        return content

    display = None if outcome.display is None else tuple(map(shown, outcome.display))
    return msgspec.structs.replace(outcome, for_model=told, display=display)


if TYPE_CHECKING:
    _: type[ports.Tool] = GitTool
