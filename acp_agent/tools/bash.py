"""The tool `bash`: one shell command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.base.fence import fenced
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import shown_text
from acp_agent.model.toolcall import ToolOutcome, ToolSpec
from acp_agent.ports import Preview, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.plaintext import one_line
from acp_agent.tools.shell.line import shell_access
from acp_agent.tools.shell.running import run_line

if TYPE_CHECKING:
    from acp_agent import ports


class BashArgs(msgspec.Struct, frozen=True):
    """Arguments of `bash`."""

    command: Annotated[str, msgspec.Meta(min_length=1, description="Command line for the shell.")]
    timeout: Annotated[
        float, msgspec.Meta(gt=0, le=600, description="Seconds after which the command is stopped.")
    ] = 120


class BashTool:
    """Runs a command in the working directory and tells the model how it ended.

    `posix` says that commands are run by a POSIX shell; of those of other shells nothing is known.
    """

    def __init__(self, *, posix: bool = os.name == "posix") -> None:
        self._posix = posix
        self.spec = ToolSpec(
            "bash",
            "Run a shell command in the working directory. Each call is a new shell without input. You get "
            "output and errors together, and only the end if they are long. It may be allowed to write only "
            "in the workspace and `$TMPDIR`. What it leaves in the background is stopped when it ends.",
            input_schema(BashArgs),
            kind="execute",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Show the command: in the title, and whole in the content if the title cannot hold it."""
        command = _parsed(args).command
        line = one_line(command)
        # Markdown shows line breaks well, but nothing else that is unprintable
        whole = "\n".join(one_line(part, len(command) * 10) for part in command.split("\n"))
        content = () if line == command else (shown_text(fenced(whole, "sh")),)
        access = shell_access(command, context.workspace, posix=self._posix)
        return Preview(line, "execute", access, content=content)

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Run it to its end."""
        wanted = _parsed(args)
        remedy = "; set `timeout` if it needs longer"
        return await run_line(wanted.command, context, timeout=wanted.timeout, remedy=remedy)


def _parsed(args: JsonObject) -> BashArgs:
    wanted = parse_args(BashArgs, args)
    if "\0" in wanted.command:
        raise ToolError("`command`: no shell takes a NUL character; leave it out")
    return wanted


if TYPE_CHECKING:
    _: type[ports.Tool] = BashTool
