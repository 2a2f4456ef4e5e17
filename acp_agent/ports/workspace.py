"""Files and processes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from acp_agent.model.question import NOBODY_TO_ASK, Answer, Question


class FileEntry(msgspec.Struct, frozen=True):
    """One name in a directory."""

    name: str
    is_dir: bool
    size_bytes: int = 0


class ProcessResult(msgspec.Struct, frozen=True):
    """How a command ended.

    `exit_code` is None when a signal or the timeout ended it. `output` is stdout and stderr as they came,
    cut at the front to the limit; `truncated` says so.
    """

    output: str
    exit_code: int | None
    signal: str | None = None
    timed_out: bool = False
    truncated: bool = False


class RunSink(Protocol):
    """Where a running command reports while it runs."""

    def output(self, text: str) -> None:
        """The whole output so far, already cut to the limit."""
        ...

    def terminal(self, terminal_id: str) -> None:
        """The command runs in this client terminal, which shows its own output."""
        ...


class Workspace(Protocol):
    """Files and processes as one session may see them. All paths are absolute and already resolved."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """Directories the session may touch; the first is its working directory."""
        ...

    @property
    def runs_itself(self) -> bool:
        """Whether commands must not be handed to a client's terminal, where nothing would confine them."""
        ...

    def resolve(self, path: str) -> Path:
        """The absolute path behind `path` (relative to the first root), links followed.

        Raises:
            PathOutsideWorkspace: it lies in none of the roots, or cannot be resolved safely.
        """
        ...

    async def read_text(self, path: Path, *, line: int | None = None, limit: int | None = None) -> str:
        """The file's text, unsaved editor changes included where the client offers them.

        With a 1-based `line`, from there on; with a `limit`, at most so many lines.

        Raises:
            FileMissing, NotText, TooLarge, WorkspaceError: it cannot be read.
        """
        ...

    async def read_bytes(self, path: Path) -> bytes:
        """The file as it lies on disk, for what is no text.

        Raises:
            FileMissing, TooLarge, WorkspaceError: it cannot be read.
        """
        ...

    async def write_text(self, path: Path, text: str) -> None:
        """Create or replace the file, parents included, atomically; exactly one write.

        Raises:
            WorkspaceError: it cannot be written.
        """
        ...

    async def remove(self, path: Path) -> None:
        """Remove the file; a directory is refused.

        Raises:
            FileMissing, WorkspaceError: it cannot be removed.
        """
        ...

    async def list_dir(self, path: Path) -> list[FileEntry]:
        """The directory's entries, sorted by name.

        Raises:
            FileMissing, WorkspaceError: it cannot be listed.
        """
        ...

    async def run(
        self, command: str, *, cwd: Path, timeout: float, output_limit: int, sink: RunSink
    ) -> ProcessResult:
        """Run a shell command to its end; when cancelled or timed out, its whole process tree is killed."""
        ...


async def ask_nobody(question: Question) -> Answer:
    """The answer where there is nobody to ask."""
    return NOBODY_TO_ASK
