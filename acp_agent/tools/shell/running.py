"""A shell line from start to end, as the user sees it and as the model is told."""

from __future__ import annotations

from collections.abc import Callable

from acp_agent.model.content import Printed, TerminalRef, ToolContent
from acp_agent.model.toolcall import ToolCallPatch, ToolOutcome, failed, succeeded
from acp_agent.ports import ProcessResult, ToolContext
from acp_agent.tools.plaintext import plain

MAX_OUTPUT = 30_000
"""Characters of output that the model reads: the last ones, where results and errors are."""

MAX_SHOWN = 8_000
"""Characters shown to the user while the command runs; each report carries them all."""

_RAW_LIMIT = 2 * MAX_OUTPUT  # escapes and overwritten lines are removed from this


async def run_line(command: str, context: ToolContext, *, timeout: float, remedy: str = "") -> ToolOutcome:
    """Run it in the working directory for at most `timeout` seconds; what it printed, and how it ended.

    `remedy` is what the model is told to do if the time is over.

    Raises:
        WorkspaceError: the shell could not be started, or not be confined.
    """
    progress = _Progress(context.report)
    result = await context.workspace.run(
        command,
        cwd=context.workspace.roots[0],
        timeout=timeout,
        output_limit=_RAW_LIMIT,
        sink=progress,
    )
    output, truncated = _tail(result)
    ending = _ending(result, timeout, remedy)
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


def _tail(result: ProcessResult) -> tuple[str, bool]:
    raw = result.output
    if result.truncated:  # the cut may have left half an escape sequence in the first line
        raw = raw[raw.find("\n", 0, 1_000) + 1 :]
    output = plain(raw)
    return output[-MAX_OUTPUT:], result.truncated or len(output) > MAX_OUTPUT


def _ending(result: ProcessResult, timeout: float, remedy: str) -> str:
    if result.timed_out:
        return f"(timed out after {timeout:g} s and was stopped{remedy})"
    if result.signal is not None:
        return f"(ended by {result.signal})"
    if result.exit_code is None:
        return "(ended without an exit code)"
    return "" if result.exit_code == 0 else f"(exit code {result.exit_code})"
