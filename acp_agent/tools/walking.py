"""The files below a directory, without following links."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

SKIPPED = frozenset(
    (*(".git", ".hg", ".svn", ".jj"), *("node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache"))
)
"""Directories that hold history, copies and caches; they are searched only when the search starts inside."""


def walk(top: Path) -> Generator[tuple[tuple[str, ...], os.DirEntry[str]], None, None]:
    """Every regular file below `top` with its path as segments, in the order of names.

    Directories that cannot be read are passed over: nothing in them could be shown.
    """
    pending: list[tuple[tuple[str, ...], os.DirEntry[str]]] = []
    _push(pending, (), str(top))
    while pending:
        path, entry = pending.pop()
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED and not _is_junction(entry):
                    _push(pending, path, entry.path)
                continue
            if not entry.is_file(follow_symlinks=False):
                continue
        yield path, entry


def _push(
    pending: list[tuple[tuple[str, ...], os.DirEntry[str]]], above: tuple[str, ...], directory: str
) -> None:
    with suppress(OSError), os.scandir(directory) as entries:
        by_name = sorted(entries, key=lambda entry: entry.name, reverse=True)
        pending.extend(((*above, entry.name), entry) for entry in by_name)


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """A Windows junction looks like a directory but may lead anywhere."""
    return os.name == "nt" and os.path.realpath(entry.path) != os.path.join(
        os.path.realpath(os.path.dirname(entry.path)), entry.name
    )
