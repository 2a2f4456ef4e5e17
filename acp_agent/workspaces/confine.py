"""Which paths are inside the session's directories. Anything doubtful is outside."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from acp_agent.base.errors import PathOutsideWorkspace

_MISSING = (FileNotFoundError, NotADirectoryError)


class Confinement:
    """Directories, and the question whether a path leads into one of them.

    Containment is decided on the path with all links followed and component by component, so neither
    `/repo-evil` nor `/repo/link-to-elsewhere` is in `/repo`. Where the file system ignores case or
    normalizes names, the identity of the directories decides, as the file system itself would.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = tuple(Path(os.path.realpath(root)) for root in roots)
        if not self._roots:
            raise ValueError("a workspace needs at least one directory")

    @property
    def roots(self) -> tuple[Path, ...]:
        """The directories, links followed; relative paths start at the first."""
        return self._roots

    def resolve(self, path: str) -> Path:
        """The absolute path behind `path`, links followed. Only its last components may be missing.

        `file://` URIs are accepted; `~` and variables are ordinary characters.

        Raises:
            PathOutsideWorkspace: it leads elsewhere, or nobody can tell where it leads.
        """
        try:
            return self._contained(_real(self._roots[0] / _from_uri(path)))
        except (OSError, ValueError, RuntimeError) as exc:
            raise self._refusal(path) from exc

    def contains(self, path: Path) -> bool:
        """Whether `path`, links followed, is one of the directories or inside one."""
        try:
            self.resolve(str(path))
        except PathOutsideWorkspace:
            return False
        return True

    def _contained(self, real: Path) -> Path:
        for root in self._roots:
            if real == root or root in real.parents:
                return real
        for ancestor in (real, *real.parents):
            for root in self._roots:
                if _same_directory(ancestor, root):
                    return root / real.relative_to(ancestor)
        raise ValueError("in none of the roots")

    def _refusal(self, path: str) -> PathOutsideWorkspace:
        shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in path)
        return PathOutsideWorkspace(shown, tuple(str(root) for root in self._roots))


def _from_uri(path: str) -> str:
    if path[:7].lower() == "file://":
        from urllib.parse import unquote, urlsplit  # lazy: 4 ms, and models rarely send URIs

        parts = urlsplit(path)
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise ValueError("not a local file")
        path = unquote(parts.path, errors="strict")
        if os.name == "nt":
            path = path.removeprefix("/")
    if "\0" in path:
        raise ValueError("a NUL character is in no file name")
    if os.name == "nt" and ":" in os.path.splitdrive(path)[1]:
        raise ValueError("alternate data streams are not files")
    return path


def _real(path: Path) -> Path:
    """Links of the deepest existing parent followed; what is missing below it is kept as written.

    A link that leads nowhere exists itself, so it is an error here and not a missing name: a file created
    through it would be created wherever it points.
    """
    missing: list[str] = []
    while True:
        try:
            return Path(os.path.realpath(path, strict=True), *reversed(missing))
        except _MISSING:
            if os.path.lexists(path) or path.name in ("", ".."):
                raise
            missing.append(path.name)
            path = path.parent


def _same_directory(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
