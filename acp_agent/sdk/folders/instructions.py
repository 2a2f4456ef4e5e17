"""Files that tell agents how to work in a folder, and the state of the repository it lies in.

    AGENTS.md       beside the user's settings, for all projects
    AGENTS.md       in each folder from the repository's root down to the session's, the nearest last
    CLAUDE.md, GEMINI.md   in a folder without it, the first there is

They are text for the model and start nothing, so an untrusted folder's are read too. No program is run for
any of this, git least of all: its settings can name programs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.model.instructions import InstructionFile
from acp_agent.sdk.settings.file import read_bytes
from acp_agent.tools.plaintext import visible

NAMES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")
MAX_DEPTH = 40
"""Folders above a session's that are looked at for the root of its repository."""

_BRANCH = re.compile(r"ref: (refs/heads/([\w./+@-]{1,200}))", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


class FoundInstructions(msgspec.Struct, frozen=True):
    """Instruction files that apply, the one that wins last; why others are not used; branch and commit."""

    files: tuple[InstructionFile, ...]
    problems: tuple[str, ...]
    repository: str


class InstructionFiles:
    """The instruction files for sessions of one user."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def find(self, roots: tuple[Path, ...]) -> FoundInstructions:
        """Those there are now for a session with these directories, the first its working directory."""
        files: dict[str, InstructionFile] = {}
        problems: list[str] = []
        repository = _repository(roots[0])
        for folder, within in self._folders(roots, repository):
            try:
                found = _file_in(folder, within)
            except ConfigError as exc:
                problems.append(f"Instructions are not used: {exc}")
                continue
            if found is not None:
                files.pop(found.path, None)
                files[found.path] = found
        return FoundInstructions(tuple(files.values()), tuple(problems), _state(repository))

    def _folders(
        self, roots: tuple[Path, ...], repository: Path | None
    ) -> Iterator[tuple[Path, Path | None]]:
        """Folders to look in, and those that what is found there must lie in; the user may link."""
        if self._places.config_file is not None:
            yield self._places.config_file.parent, None
        for root in roots[1:]:
            yield root, root
        cwd = roots[0]
        top = repository or cwd
        below = cwd.relative_to(top).parts
        for depth in range(len(below) + 1):
            yield top.joinpath(*below[:depth]), top


def _file_in(folder: Path, within: Path | None) -> InstructionFile | None:
    """The instructions of one folder; an empty file is none.

    Raises:
        ConfigError: they cannot be used; names the file.
    """
    for name in NAMES:
        if not os.path.lexists(
            os.path.join(folder, name)
        ):  # mostly; building a `Path` takes longer than this
            continue
        path = folder / name
        content = read_bytes(path) if _lies_within(path, within) else None
        if content is None:
            continue
        try:
            text = visible(content.decode("utf-8-sig"))
        except UnicodeDecodeError as exc:
            raise ConfigError(f"`{path}`: is not UTF-8") from exc
        return InstructionFile(str(path), text) if text.strip() else None
    return None


def _lies_within(path: Path, within: Path | None) -> bool:
    """Whether it does, links followed; None is anywhere.

    Raises:
        ConfigError: it is a link that leads elsewhere.
    """
    if within is None or Path(os.path.realpath(path)).is_relative_to(os.path.realpath(within)):
        return True
    raise ConfigError(f"`{path}`: is a link that leads out of `{within}`")


def _repository(cwd: Path) -> Path | None:
    """The root of the user's own repository that `cwd` lies in.

    Somebody else could have made one further up, in a folder that all may write to.
    """
    for folder in (cwd, *cwd.parents)[:MAX_DEPTH]:
        try:
            found = os.lstat(os.path.join(folder, ".git"))
        except (OSError, ValueError):
            continue
        return folder if os.name != "posix" or found.st_uid == os.getuid() else None
    return None


def _state(top: Path | None) -> str:
    """Branch and commit of the repository, in words; empty if they cannot be told."""
    if top is None:
        return ""
    git = top / ".git"
    if git.is_file():  # a worktree's or submodule's
        git = top / _line(git).removeprefix("gitdir: ")
    head = _line(git / "HEAD")
    if _COMMIT.fullmatch(head):
        return f"commit {head[:12]}, on no branch"
    found = _BRANCH.fullmatch(head)
    if found is None or "/." in found[1]:
        return ""
    common = git / (_line(git / "commondir") or ".")
    commit = _line(common / found[1]) or _packed(common / "packed-refs", found[1])
    return f"branch {found[2]}" + (f", commit {commit[:12]}" if _COMMIT.fullmatch(commit) else "")


def _packed(path: Path, ref: str) -> str:
    for line in _read(path).splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return ""


def _line(path: Path) -> str:
    return _read(path).partition("\n")[0].strip()


def _read(path: Path) -> str:
    """The file's text; nothing if it is missing, large or not a plain file."""
    try:
        content = read_bytes(path) or b""
    except (ConfigError, ValueError):
        return ""
    return content.decode(errors="replace")
