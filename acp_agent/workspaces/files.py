"""One file read or replaced, whole, without following a link and without waiting for a device.

Paths are resolved and their root is known. Where the system can open a file relative to a directory, every
directory between the root and the file is opened in turn without following links, so a directory that was
exchanged for a link after the path was checked is an error and not a way out.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from acp_agent.base.errors import FileMissing, NotText, TooLarge, WorkspaceError

MAX_READ_BYTES = 10 * 1024 * 1024
"""Larger files are not read as a whole."""

_RELATIVE = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0) | _NO_FOLLOW
_PLAIN = _NO_FOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


def read_bytes(root: Path, path: Path) -> bytes:
    """The content of the regular file at `path`.

    Raises:
        FileMissing, TooLarge, WorkspaceError: it cannot be read.
    """
    with _errors_told("read", path), _parent(root, path) as (directory, name):
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _PLAIN
        with open(os.open(name, flags, dir_fd=directory), "rb", buffering=0) as file:
            _require_regular(os.fstat(file.fileno()), path)
            content = _read_at_most(file.fileno(), MAX_READ_BYTES + 1)
            if len(content) > MAX_READ_BYTES:
                raise TooLarge(str(path), max(len(content), os.fstat(file.fileno()).st_size), MAX_READ_BYTES)
    return content


def read_text(root: Path, path: Path) -> str:
    """The text of the regular file at `path`; line ends and a byte order mark stay as they are.

    Raises:
        FileMissing, NotText, TooLarge, WorkspaceError: it cannot be read.
    """
    content = read_bytes(root, path)
    if b"\0" in content:
        raise NotText(str(path))
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise NotText(str(path)) from exc


def write_text(root: Path, path: Path, text: str) -> None:
    """Create or replace the file at `path`; readers see the old file or the new one, nothing between.

    Missing directories are made, permission bits of an existing file are kept. Files with several names
    are refused: replacing one would separate it from the others, writing into it would change those.

    Raises:
        WorkspaceError: it cannot be written.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as exc:
        raise WorkspaceError(
            f"cannot write `{path}`: the text has a lone surrogate, which no file can hold"
        ) from exc
    with _errors_told("write", path), _parent(root, path, create=True) as (directory, name):
        mode = _mode_to_keep(directory, name, path)
        temporary = str(Path(name).with_name(f".acp-agent-{secrets.token_hex(8)}.tmp"))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
        descriptor = os.open(temporary, flags, 0o666 if mode is None else mode, dir_fd=directory)
        try:
            with open(descriptor, "wb") as file:
                if mode is not None and os.name != "nt":
                    os.fchmod(descriptor, mode)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise


def remove(root: Path, path: Path) -> None:
    """Remove the regular file at `path`.

    Raises:
        FileMissing, WorkspaceError: it cannot be removed.
    """
    with _errors_told("remove", path), _parent(root, path) as (directory, name):
        _require_regular(os.stat(name, dir_fd=directory, follow_symlinks=False), path)
        os.unlink(name, dir_fd=directory)


@contextmanager
def _parent(root: Path, path: Path, *, create: bool = False) -> Generator[tuple[int | None, str], None, None]:
    """The directory of `path` as a descriptor and the file's name in it, or None and the whole path."""
    *above, name = path.relative_to(root).parts or ("",)
    if not name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not _RELATIVE:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield None, str(path)
        return
    directory = os.open(root, _DIRECTORY & ~_NO_FOLLOW)
    try:
        for part in above:
            inner = _entered(directory, part, create=create)
            os.close(directory)
            directory = inner
        yield directory, name
    finally:
        os.close(directory)


def _entered(directory: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=directory)
    return os.open(name, _DIRECTORY, dir_fd=directory)


def _mode_to_keep(directory: int | None, name: str, path: Path) -> int | None:
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _require_regular(found, path)
    if found.st_nlink > 1:
        raise WorkspaceError(
            f"`{path}` has {found.st_nlink} names (hard links) and is left alone; copy it to a new file first"
        )
    mode = stat.S_IMODE(found.st_mode) & 0o777
    if not mode & 0o222:
        raise WorkspaceError(f"`{path}` is read-only; make it writable first")
    return mode


def _require_regular(found: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISLNK(found.st_mode):
        raise WorkspaceError(f"`{path}` has become a link; use the path it leads to")
    if not stat.S_ISREG(found.st_mode):
        raise WorkspaceError(f"`{path}` is not a regular file but a device, pipe or socket")


def _read_at_most(descriptor: int, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = limit_bytes
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


@contextmanager
def _errors_told(verb: str, path: Path) -> Generator[None, None, None]:
    """Map errors of the operating system; the message names the path we were asked for and nothing else."""
    try:
        yield
    except IsADirectoryError as exc:
        raise WorkspaceError(f"`{path}` is a directory") from exc
    except _NOT_THERE as exc:
        if verb != "write":
            raise FileMissing(str(path)) from exc
        raise WorkspaceError(f"cannot {verb} `{path}`: a directory above it is a file or a link") from exc
    except OSError as exc:
        raise WorkspaceError(f"cannot {verb} `{path}`: {(exc.strerror or str(exc)).lower()}") from exc
