"""The tool `bash`: one shell command."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.base.fence import fenced
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Printed, TerminalRef, ToolContent, shown_text
from acp_agent.model.toolcall import ToolCallPatch, ToolOutcome, ToolSpec, failed, succeeded
from acp_agent.ports import Preview, ProcessResult, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.plaintext import one_line, plain
from acp_agent.tools.shell.line import shell_access

if TYPE_CHECKING:
    from acp_agent import ports

MAX_OUTPUT = 30_000
"""Characters of output that the model reads: the last ones, where results and errors are."""

MAX_SHOWN = 8_000
"""Characters shown to the user while the command runs; each report carries them all."""

_RAW_LIMIT = 2 * MAX_OUTPUT  # escapes and overwritten lines are removed from this


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
        progress = _Progress(context.report)
        result = await context.workspace.run(
            wanted.command,
            cwd=context.workspace.roots[0],
            timeout=wanted.timeout,
            output_limit=_RAW_LIMIT,
            sink=progress,
        )
        output, truncated = _tail(result)
        ending = _ending(result, wanted.timeout)
        notice = f"(cut; the last {len(output)} characters of the output follow)\n" if truncated else ""
        separator = "\n" if output and ending and not output.endswith("\n") else ""
        for_model = f"{notice}{output}{separator}{ending}" or "(no output)"
        display: tuple[ToolContent, ...] = progress.terminal_refs or (
            Printed(for_model, result.exit_code, result.signal),
        )
        conclude = succeeded if result.exit_code == 0 else failed
        return conclude(
            for_model,
            display=display,
            raw_output={
                "exit_code": result.exit_code,
                "signal": result.signal,
                "timed_out": result.timed_out,
                "truncated": truncated,
            },
        )


class _Progress:
    """Shows the output of a running command, or the client's terminal that shows it."""

    def __init__(self, report: Callable[[ToolCallPatch], None]) -> None:
        self._report = report
        self.terminal_refs: tuple[TerminalRef, ...] = ()

    def output(self, text: str) -> None:
        if not self.terminal_refs:
            self._report(ToolCallPatch(content=(Printed(plain(text)[-MAX_SHOWN:]),)))

    def terminal(self, terminal_id: str) -> None:
        self.terminal_refs = (TerminalRef(terminal_id),)
        self._report(ToolCallPatch(content=self.terminal_refs))


def _parsed(args: JsonObject) -> BashArgs:
    wanted = parse_args(BashArgs, args)
    if "\0" in wanted.command:
        raise ToolError("`command`: no shell takes a NUL character; leave it out")
    return wanted


def _tail(result: ProcessResult) -> tuple[str, bool]:
    raw = result.output
    if result.truncated:  # the cut may have left half an escape sequence in the first line
        raw = raw[raw.find("\n", 0, 1_000) + 1 :]
    output = plain(raw)
    return output[-MAX_OUTPUT:], result.truncated or len(output) > MAX_OUTPUT


def _ending(result: ProcessResult, timeout: float) -> str:
    if result.timed_out:
        return f"(timed out after {timeout:g} s and was stopped; set `timeout` if it needs longer)"
    if result.signal is not None:
        return f"(ended by {result.signal})"
    if result.exit_code is None:
        return "(ended without an exit code)"
    return "" if result.exit_code == 0 else f"(exit code {result.exit_code})"


if TYPE_CHECKING:
    _: type[ports.Tool] = BashTool
