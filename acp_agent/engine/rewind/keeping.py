"""What a file held is kept before the agent writes it, so that the user can have it back."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.base.errors import FileMissing, StoreError, WorkspaceError
from acp_agent.base.ids import ToolCallId
from acp_agent.engine.journal import Journal
from acp_agent.model import events
from acp_agent.ports import FileEntry, ProcessResult, RunSink, Workspace

logger = logging.getLogger(__name__)

MAX_KEPT_BYTES = 2 * 1024 * 1024
"""Larger files are not kept."""

Keep = Callable[[bytes], Awaitable[str]]
"""Puts bytes away and names them; raises `StoreError`."""


class KeepingWorkspace:
    """The workspace of one call: as `base`, and what it overwrites is kept. Keeping never fails a write.

    Tools read a file right before they write it; what they read then is what is kept, so that it costs no
    second reading.
    """

    def __init__(self, base: Workspace, call_id: ToolCallId | None, journal: Journal, keep: Keep) -> None:
        self._base = base
        self._call_id = call_id
        self._journal = journal
        self._keep = keep
        self._read: tuple[Path, str] | None = None  # what was read last, if that was a whole file

    @property
    def roots(self) -> tuple[Path, ...]:
        """Those of the base."""
        return self._base.roots

    @property
    def runs_itself(self) -> bool:
        """As the base says."""
        return self._base.runs_itself

    def resolve(self, path: str) -> Path:
        """As the base does."""
        return self._base.resolve(path)

    async def read_text(self, path: Path, *, line: int | None = None, limit: int | None = None) -> str:
        """As the base does."""
        text = await self._base.read_text(path, line=line, limit=limit)
        self._read = (path, text) if line is None and limit is None else None
        return text

    async def read_bytes(self, path: Path) -> bytes:
        """As the base does."""
        return await self._base.read_bytes(path)

    async def write_text(self, path: Path, text: str) -> None:
        """Keep what is there, then write as the base does."""
        await self._keep_what_is_at(path, hash_of(text))
        await self._base.write_text(path, text)

    async def remove(self, path: Path) -> None:
        """Keep what is there, then remove it as the base does."""
        await self._keep_what_is_at(path, None)
        await self._base.remove(path)

    async def list_dir(self, path: Path) -> list[FileEntry]:
        """As the base does."""
        return await self._base.list_dir(path)

    async def run(
        self, command: str, *, cwd: Path, timeout: float, output_limit: int, sink: RunSink
    ) -> ProcessResult:
        """As the base does; what a command changes is not kept."""
        return await self._base.run(command, cwd=cwd, timeout=timeout, output_limit=output_limit, sink=sink)

    async def _keep_what_is_at(self, path: Path, after: str | None) -> None:
        read, self._read = self._read, None
        existed, blob = True, None
        try:
            text = read[1] if read is not None and read[0] == path else await self._base.read_text(path)
            content = text.encode()
            blob = await self._keep(content) if len(content) <= MAX_KEPT_BYTES else None
        except FileMissing:
            existed = False
        except (StoreError, WorkspaceError, UnicodeEncodeError) as exc:
            logger.warning("what `%s` holds could not be kept: %s", path, exc)
        await self._journal.record(events.FileKept(str(path), after, existed, blob, self._call_id))


def hash_of(text: str) -> str | None:
    """The SHA-256 of a text as a file would hold it; None if no file can."""
    try:
        return hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        return None


if TYPE_CHECKING:
    _: type[Workspace] = KeepingWorkspace
