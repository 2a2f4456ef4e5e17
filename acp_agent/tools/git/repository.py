"""What a repository's own settings can start when somebody only looks at its files."""

from __future__ import annotations

import re
from pathlib import Path

_TELLING = re.compile(
    rb"^\s*(?:\[\s*(?:filter|include|includeif)\b|worktree\s*=)|worktreeconfig", re.I | re.M
)
_MAX_BYTES = 1 << 20


def may_start_programs(cwd: Path) -> bool:
    """Whether looking at files below `cwd` with Git could start a program that the repository names.

    Monitors, hooks, pagers and drivers of diffs can be switched off; filters, which turn files into what is
    stored, cannot. So the settings are read: of filters, and of what would bring in others unseen or make
    another folder the one that is looked at. Settings that cannot be found count as naming some.
    """
    for folder in (cwd, *cwd.parents):
        inside = folder / ".git"
        if inside.is_dir():
            return _is_telling(inside / "config")
        if inside.exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir()):
            return True  # a linked work tree, a submodule, or a folder that is a repository itself
    return False


def _is_telling(config: Path) -> bool:
    try:
        with open(config, "rb") as file:
            settings = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return len(settings) > _MAX_BYTES or _TELLING.search(settings) is not None
