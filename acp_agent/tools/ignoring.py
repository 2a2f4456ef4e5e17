"""The files of a project that its `.gitignore` and `.ignore` files leave in, without hidden ones."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from acp_agent.tools.globbing import Matcher, compile_glob
from acp_agent.tools.walking import SKIPPED

IGNORE_FILES = (".gitignore", ".ignore")
MAX_IGNORE_BYTES = 64 * 1024
"""Larger ignore files count up to there."""

MAX_RULES = 500
"""Lines of one ignore file that count."""


class Rule(NamedTuple):
    """One line; `depth` is how many segments lead to the directory of its file."""

    matches: Matcher
    depth: int
    keeps: bool
    directories_only: bool


class Found(NamedTuple):
    """A file: its path below the top, and its entry."""

    path: tuple[str, ...]
    entry: os.DirEntry[str]


def unignored(top: Path) -> Generator[Found, None, None]:
    """Every regular file below `top` that is not ignored, in the order of names. Links are not followed."""
    pending: list[tuple[tuple[str, ...], str, tuple[Rule, ...]]] = [((), str(top), ())]
    while pending:
        above, directory, rules = pending.pop()
        entries: list[os.DirEntry[str]] = []
        with suppress(OSError), os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for name in IGNORE_FILES:
            rules = (*rules, *rules_in(Path(directory, name), len(above)))
        folders: list[tuple[tuple[str, ...], str, tuple[Rule, ...]]] = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name in SKIPPED or entry.is_symlink():
                continue
            path = (*above, entry.name)
            is_dir = entry.is_dir(follow_symlinks=False)
            if is_ignored(path, rules, is_dir=is_dir):
                continue
            if is_dir:
                folders.append((path, entry.path, rules))
            elif entry.is_file(follow_symlinks=False):
                yield Found(path, entry)
        pending.extend(reversed(folders))


def rules_in(file: Path, depth: int) -> list[Rule]:
    """The rules in an ignore file; none if it cannot be read."""
    content = b""
    with suppress(OSError):
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as opened:
                content = opened.read(MAX_IGNORE_BYTES)
    lines = content.decode("utf-8", "replace").splitlines()[:MAX_RULES]
    return [rule for line in lines if (rule := _rule(line, depth)) is not None]


def is_ignored(path: Sequence[str], rules: Sequence[Rule], *, is_dir: bool) -> bool:
    """Whether the last rule that matches leaves it out; no directory above it is ignored."""
    for rule in reversed(rules):
        if (is_dir or not rule.directories_only) and rule.matches(path[rule.depth :]):
            return not rule.keeps
    return False


def _rule(line: str, depth: int) -> Rule | None:
    text = line.rstrip()
    if not text or text.startswith("#"):
        return None
    keeps = text.startswith("!")
    text = text.removeprefix("!").removeprefix("\\")
    directories_only = text.endswith("/")
    pattern = text.strip("/")
    if not pattern:
        return None
    if "/" not in text.rstrip("/"):
        pattern = f"**/{pattern}"
    try:
        return Rule(compile_glob(pattern), depth, keeps, directories_only)
    except ValueError:
        return None  # no file below can be meant by it
