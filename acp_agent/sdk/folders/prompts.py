"""Folders of files that hold prompts: finding the files, and reading each once until it changes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.sdk.folders.front_matter import Document, parse_document, parse_table
from acp_agent.sdk.settings.file import read_bytes

MAX_FILES = 500
"""Files of one folder that are looked at."""

MAX_DEPTH = 5
MAX_DESCRIPTION = 500
"""Characters of a description."""

YAML = (".yaml", ".yml")
"""Endings of files that are all head; their text is under `prompt`."""

NAME = re.compile(r"\w[\w.-]{0,99}")
"""What files and folders must be called to be part of a command."""


class PromptFolder(msgspec.Struct, frozen=True):
    """One place to look. No file outside of `project` is read, links followed, if that is given."""

    path: Path
    project: Path | None = None

    def may_read(self, file: Path) -> bool:
        """Whether the file lies where it should."""
        return self.project is None or _real(file).is_relative_to(_real(self.project))

    def files(self, suffixes: tuple[str, ...] = (".md",)) -> Iterator[Path]:
        """The files with one of these endings in it and below it, in order of their names; no hidden ones."""
        n_files = 0
        for folder, below, names in os.walk(self.path):
            depth = len(Path(folder).relative_to(self.path).parts)
            below[:] = sorted(below) if depth < MAX_DEPTH else []
            for name in sorted(names):
                if name.lower().endswith(suffixes) and not name.startswith("."):
                    n_files += 1
                    if n_files > MAX_FILES:
                        return
                    yield Path(folder, name)

    def folders(self) -> Iterator[Path]:
        """The folders right below it, in order of their names."""
        try:
            names = sorted(os.listdir(self.path))[:MAX_FILES]
        except OSError:
            return
        yield from (self.path / name for name in names if (self.path / name).is_dir())


def folders_at(home: Path | None, names: Iterable[str]) -> list[PromptFolder]:
    """Those of these folders below the user's home that there are; few have any."""
    if home is None:
        return []
    places = [os.path.join(home, name) for name in names]
    return [PromptFolder(Path(place)) for place in places if os.path.isdir(place)]


class Documents:
    """Files as they were when they last changed.

    Threads that share one may read a file twice, at worst.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int, int], Document | str]] = {}

    def read(self, path: Path, folder: PromptFolder) -> Document:
        """The file, taken apart.

        Raises:
            ConfigError: it cannot be used; names the file.
        """
        try:
            found = os.stat(path)
        except OSError as exc:
            raise ConfigError(f"`{path}`: cannot be read: {exc.strerror}") from exc
        if not folder.may_read(path):
            raise ConfigError(f"`{path}`: is a link that leads out of the project")
        state = (found.st_ino, found.st_mtime_ns, found.st_size)
        known = self._known.get(path)
        if known is None or known[0] != state:
            known = self._known[path] = (state, _document(path))
        if isinstance(known[1], str):
            raise ConfigError(known[1])
        return known[1]


def described(document: Document) -> str:
    """One line about it: its `description`, or else the first line of its body."""
    about = document.head.get("description") or document.body.lstrip("# \n").partition("\n")[0]
    line = " ".join("".join(char if char.isprintable() else " " for char in about).split())
    return line if len(line) <= MAX_DESCRIPTION else f"{line[: MAX_DESCRIPTION - 1]}…"


def _document(path: Path) -> Document | str:
    """What the file says, or why it cannot be used."""
    try:
        text = (read_bytes(path) or b"").decode()
        document = _table(text) if path.suffix.lower() in YAML else parse_document(text)
    except ConfigError as exc:
        return str(exc)
    except UnicodeDecodeError:
        return f"`{path}`: is not UTF-8"
    except ValueError as exc:
        return f"`{path}`: {exc}"
    return document if document.body else f"`{path}`: has no text"


def _table(text: str) -> Document:
    document = parse_table(text)
    return msgspec.structs.replace(document, body=document.head.get("prompt", ""))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
