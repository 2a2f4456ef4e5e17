"""Asking a command one thing: a text on its input, an answer on its output, complaints apart from it."""

from __future__ import annotations

import tempfile
from typing import IO

import msgspec
from anyio import to_thread

from acp_agent.ports import ProcessResult
from acp_agent.workspaces.process import run_command
from acp_agent.workspaces.starting import Command

MAX_ANSWER = 100_000
"""Characters of an answer that are kept, from its end."""

MAX_COMPLAINTS = 10_000
"""Bytes of complaints that are kept, from their beginning."""


class Exchange(msgspec.Struct, frozen=True):
    """How it went: `result` holds what was printed, `complaints` what went to the error output."""

    result: ProcessResult
    complaints: str


async def exchange(command: Command, question: bytes, *, timeout: float) -> Exchange:
    """Run the command with `question` as its input; it ends with its whole process tree, as any command does.

    Raises:
        WorkspaceError: it could not be started, or not be confined.
    """
    # Files, not pipes: neither a command that does not read nor one that complains at length gets stuck.
    with await to_thread.run_sync(_file, question) as asked, await to_thread.run_sync(_file) as complained:
        told = command._replace(input=asked, errors=complained)
        result = await run_command(told, timeout=timeout, output_limit=MAX_ANSWER, sink=_Nobody())
        complaints = await to_thread.run_sync(_beginning, complained)
    return Exchange(result, complaints)


class _Nobody:
    """Follows no output."""

    def output(self, text: str) -> None:
        """Take no note."""

    def terminal(self, terminal_id: str) -> None:
        """Take no note."""


def _file(content: bytes = b"") -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115  whoever asked for it closes it
    try:
        file.write(content)
        file.seek(0)
    except OSError:
        file.close()
        raise
    return file


def _beginning(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MAX_COMPLAINTS).decode(errors="replace")
