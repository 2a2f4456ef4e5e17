"""What a repository's own settings can start when somebody only looks at its files."""

from __future__ import annotations

import os
import re
from pathlib import Path

_HARMLESS = frozenset(
    (
        *("advice", "alias", "am", "apply", "author", "blame", "branch", "checkout", "clone", "color"),
        *("column", "commit", "committer", "core", "credential", "diff", "extensions", "fetch"),
        *("format", "gc", "gpg", "gui", "gitk", "help", "http", "i18n", "index", "init", "lfs", "log"),
        *("maintenance", "merge", "notes", "pack", "pager", "pull", "push", "rebase", "receive"),
        *("remote", "rerere", "revert", "safe", "sendemail", "sequence", "stash", "status"),
        *("submodule", "svn", "tag", "transfer", "url", "user", "worktree"),
    )
)
"""Sections that name no program, or one that looking does not need or `commands` switches off."""

_SECTION = re.compile(rb"\[\s*([a-z0-9-]+)", re.IGNORECASE)
_ELSEWHERE = re.compile(rb"worktree\s*=|worktreeconfig|partialclone|promisor", re.IGNORECASE)
_MAX_BYTES = 1 << 20


def may_start_programs(cwd: Path) -> bool:
    """Whether looking at files below `cwd` with Git could start a program that the repository names.

    Monitors, hooks, pagers and drivers of diffs can be switched off; filters, which turn files into what is
    stored, cannot, nor can the fetching of what is missing. So the settings are read: of what is not known to
    be harmless, and of what would bring in others unseen or make another folder the one that is looked at.
    Settings that cannot be read count as naming some, and so do those of every repository further up: which
    one Git takes depends on whether those below are whole.
    """
    for folder in (cwd, *cwd.parents):
        inside = folder / ".git"
        if inside.is_dir():
            if os.path.lexists(inside / "commondir") or _is_telling(inside / "config"):
                return True
        elif os.path.lexists(inside) or ((folder / "HEAD").is_file() and (folder / "objects").is_dir()):
            return True  # a linked work tree, a submodule, or a folder that is a repository itself
    return False


def _is_telling(config: Path) -> bool:
    if not config.is_file():  # a pipe would be waited for
        return os.path.lexists(config)
    try:
        with open(config, "rb") as file:
            settings = file.read(_MAX_BYTES + 1)
    except OSError:
        return True
    sections = {name.decode().lower() for name in _SECTION.findall(settings)}
    return len(settings) > _MAX_BYTES or not sections <= _HARMLESS or bool(_ELSEWHERE.search(settings))
