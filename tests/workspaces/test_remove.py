"""Removing a file: regular ones in the workspace, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acp_agent.base.errors import FileMissing, PathOutsideWorkspace, WorkspaceError
from acp_agent.workspaces.local import LocalWorkspace


async def test_a_file_is_removed_and_a_missing_one_is_named(tmp_path: Path) -> None:
    workspace = LocalWorkspace((tmp_path,), {})
    file = tmp_path / "inner" / "a.txt"
    file.parent.mkdir()
    file.write_text("x")
    await workspace.remove(workspace.resolve("inner/a.txt"))
    assert not file.exists()
    with pytest.raises(FileMissing, match="no such file"):
        await workspace.remove(file)


async def test_directories_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(WorkspaceError, match="is a directory"):
        await LocalWorkspace((tmp_path,), {}).remove(tmp_path / "folder")
    assert (tmp_path / "folder").is_dir()


async def test_nothing_is_removed_outside_or_behind_a_link(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.txt"
    root.mkdir()
    outside.write_text("theirs")
    workspace = LocalWorkspace((root,), {})
    with pytest.raises(PathOutsideWorkspace):
        await workspace.remove(outside)
    if os.name == "posix":
        (root / "link").symlink_to(outside)
        with pytest.raises(WorkspaceError):
            await workspace.remove(root / "link")
    assert outside.read_text() == "theirs"
