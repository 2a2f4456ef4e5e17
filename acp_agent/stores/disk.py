"""Files that are private and stay: the few operations durability rests on, in one place to make them fail."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from acp_agent.base.errors import StoreError

_BINARY = getattr(os, "O_BINARY", 0)
_GATHER_BYTES = 256 * 1024


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def map_errors(path: Path) -> Generator[None]:
    """Turn what the operating system raises into `StoreError`s that name the place and a remedy."""
    try:
        yield
    except OSError as exc:
        remedy = (
            "free some disk space"
            if exc.errno in _FULL
            else "make the directory and its files writable, or choose another place"
        )
        raise StoreError(f"session store `{path}`: {exc.strerror or exc}; {remedy}") from exc


class Disk:
    """The operating system's files. Every method blocks and raises `OSError`."""

    def open(self, path: Path, *, empty: bool = False) -> int:
        """Open a file for reading and writing, made readable by its owner only, emptied if asked for."""
        return os.open(path, os.O_CREAT | os.O_RDWR | _BINARY | (os.O_TRUNC if empty else 0), 0o600)

    def write(self, file: int, data: bytes) -> None:
        """Write all of it at the file's position."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]

    def truncate(self, file: int, size_bytes: int) -> None:
        """Cut the file and go to its end."""
        os.ftruncate(file, size_bytes)
        os.lseek(file, size_bytes, os.SEEK_SET)

    def sync(self, file: int) -> None:
        """Return once the content survives a power loss."""
        if os.name == "posix":
            import fcntl  # POSIX only

            # macOS answers fsync before the drive has written; this one waits.
            full = getattr(fcntl, "F_FULLFSYNC", None)
            if full is not None:
                fcntl.fcntl(file, full)
                return
        os.fsync(file)

    def sync_directory(self, directory: Path) -> None:
        """Return once names in the directory survive a power loss; Windows keeps them by itself."""
        if os.name != "posix":
            return
        handle = os.open(directory, os.O_RDONLY)
        try:
            self.sync(handle)
        finally:
            os.close(handle)

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another's name, at once."""
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone is removed already."""
        path.unlink(missing_ok=True)

    def make_directory(self, path: Path) -> None:
        """Make a directory, and those above it, for their owner only."""
        missing: list[Path] = []
        place = path
        while not place.exists():
            missing.append(place)
            place = place.parent
        for directory in reversed(missing):
            directory.mkdir(mode=0o700, exist_ok=True)

    def write_whole(self, path: Path, content: Iterable[bytes]) -> None:
        """Create or replace a file so that a reader, or a crash, finds the old or the new one, whole.

        Which of them a power loss leaves is certain after `sync_directory`.
        """
        temporary = path.with_name(f"{path.name}.tmp")
        file = self.open(temporary, empty=True)
        try:
            gathered = bytearray()
            for part in content:
                gathered += part
                if len(gathered) >= _GATHER_BYTES:
                    self.write(file, bytes(gathered))
                    gathered.clear()
            self.write(file, bytes(gathered))
            self.sync(file)
        except BaseException:
            os.close(file)
            temporary.unlink(missing_ok=True)
            raise
        os.close(file)
        try:
            self.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
