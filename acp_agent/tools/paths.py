"""Paths as people and models read them."""

from __future__ import annotations

from pathlib import Path

from acp_agent.ports import Workspace
from acp_agent.tools.plaintext import one_line


def shown_path(workspace: Workspace, path: Path) -> str:
    """`path` relative to the working directory where it lies below it, else absolute; always one line."""
    cwd = workspace.roots[0]
    if path == cwd or cwd in path.parents:
        return one_line(path.relative_to(cwd).as_posix(), 1_000)
    return one_line(str(path), 1_000)


def title(verb: str, shown: str) -> str:
    """A call's title, such as "Read `src/a.py`"."""
    shown = one_line(shown)
    return f"{verb} {shown}" if "`" in shown else f"{verb} `{shown}`"
