"""The workspace on this machine's own disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from acp_agent.base.errors import FileMissing, PathOutsideWorkspace, WorkspaceError
from acp_agent.base.excerpt import excerpt
from acp_agent.ports import FileEntry, ProcessResult, RunSink
from acp_agent.workspaces import files
from acp_agent.workspaces.confine import Confinement
from acp_agent.workspaces.environment import child_environment
from acp_agent.workspaces.sandbox import Limits, Sandbox

if TYPE_CHECKING:
    from acp_agent import ports


class LocalWorkspace:
    """Files and processes of this machine, confined to `roots`.

    `env` is what commands are given, None for this process's own environment; secrets are removed from
    either, and `extra_env` is added as it is. Files are checked again at the moment of use, so a path that
    was exchanged for a link after `resolve` is refused. With a `sandbox`, the kernel confines commands and
    writes as well.
    """

    def __init__(
        self,
        roots: tuple[Path, ...],
        env: Mapping[str, str] | None = None,
        sandbox: Sandbox | None = None,
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        self._confinement = Confinement(roots)
        self._limits = Limits(sandbox or Sandbox("off"), self._confinement.roots)
        self._env = {**child_environment(os.environ if env is None else env), **(extra_env or {})}

    @property
    def roots(self) -> tuple[Path, ...]:
        """Directories the session may touch, links followed; the first is its working directory."""
        return self._confinement.roots

    @property
    def runs_itself(self) -> bool:
        """Whether the sandbox is required: a client's terminal could not keep to it."""
        return self._limits.required

    def resolve(self, path: str) -> Path:
        """The absolute path behind `path`, links followed.

        Raises:
            PathOutsideWorkspace: it lies in none of the roots, or cannot be resolved safely.
        """
        return self._confinement.resolve(path)

    async def read_text(self, path: Path, *, line: int | None = None, limit: int | None = None) -> str:
        """The text of a regular file of at most 10 MiB, or some lines of it.

        Line ends and a byte order mark are kept.

        Raises:
            FileMissing, NotText, TooLarge, WorkspaceError: it cannot be read.
        """
        text = await to_thread.run_sync(self._read, path)
        return text if line is None and limit is None else excerpt(text, line, limit)

    async def read_bytes(self, path: Path) -> bytes:
        """The content of a regular file of at most 10 MiB.

        Raises:
            FileMissing, TooLarge, WorkspaceError: it cannot be read.
        """
        return await to_thread.run_sync(self._read_bytes, path)

    async def write_text(self, path: Path, text: str) -> None:
        """Create or replace the file, parents included; readers see the old text or the new one.

        Raises:
            WorkspaceError: it cannot be written.
        """
        await to_thread.run_sync(self._write, path, text)

    async def remove(self, path: Path) -> None:
        """Remove a regular file.

        Raises:
            FileMissing, WorkspaceError: it cannot be removed.
        """
        await to_thread.run_sync(self._remove, path)

    async def list_dir(self, path: Path) -> list[FileEntry]:
        """The directory's entries, sorted by name; a link out of the workspace is no directory.

        Raises:
            FileMissing, WorkspaceError: it cannot be listed.
        """
        return await to_thread.run_sync(self._list, path)

    async def run(
        self, command: str, *, cwd: Path, timeout: float, output_limit: int, sink: RunSink
    ) -> ProcessResult:
        """Run a shell command to its end; its whole process group ends with it.

        Raises:
            WorkspaceError: the shell could not be started, or not be confined.
        """
        # lazy: 5 ms, only sessions that run commands
        from acp_agent.workspaces.process import run_command
        from acp_agent.workspaces.starting import Command

        self._root_of(cwd)
        return await run_command(
            Command(command, cwd, self._env, self._limits),
            timeout=timeout,
            output_limit=output_limit,
            sink=sink,
        )

    def _read(self, path: Path) -> str:
        return files.read_text(self._root_of(path), path)

    def _read_bytes(self, path: Path) -> bytes:
        return files.read_bytes(self._root_of(path), path)

    def _write(self, path: Path, text: str) -> None:
        root = self._root_of(path)
        self._limits.write(lambda: files.write_text(root, path, text))

    def _remove(self, path: Path) -> None:
        root = self._root_of(path)
        self._limits.write(lambda: files.remove(root, path))

    def _list(self, path: Path) -> list[FileEntry]:
        self._root_of(path)
        try:
            with os.scandir(path) as entries:
                return sorted(map(self._entry, entries), key=lambda entry: entry.name)
        except FileNotFoundError as exc:
            raise FileMissing(str(path)) from exc
        except NotADirectoryError as exc:
            raise WorkspaceError(f"`{path}` is a file, not a directory") from exc
        except OSError as exc:
            raise WorkspaceError(f"cannot list `{path}`: {(exc.strerror or str(exc)).lower()}") from exc

    def _entry(self, entry: os.DirEntry[str]) -> FileEntry:
        if entry.is_symlink() and not self._confinement.contains(Path(entry.path)):
            return FileEntry(entry.name, is_dir=False)
        try:
            if entry.is_dir():
                return FileEntry(entry.name, is_dir=True)
            return FileEntry(entry.name, is_dir=False, size_bytes=entry.stat().st_size)
        except OSError:  # a link that leads nowhere, or gone since
            return FileEntry(entry.name, is_dir=False)

    def _root_of(self, path: Path) -> Path:
        """The root that holds `path`, provided that `path` still is what it resolves to."""
        if self._confinement.resolve(str(path)) != path:
            raise PathOutsideWorkspace(str(path), tuple(map(str, self.roots)))
        return next(root for root in self.roots if path == root or root in path.parents)


if TYPE_CHECKING:
    _: type[ports.Workspace] = LocalWorkspace
