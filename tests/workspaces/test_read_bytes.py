"""Files that are no text, read as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from acp_agent.base.errors import FileMissing, PathOutsideWorkspace, TooLarge, WorkspaceError
from acp_agent.workspaces.files import MAX_READ_BYTES
from acp_agent.workspaces.local import LocalWorkspace


async def test_every_byte_is_read(tmp_path: Path) -> None:
    workspace = LocalWorkspace((tmp_path,))
    data = bytes(range(256)) * 3
    (tmp_path / "a.bin").write_bytes(data)
    assert await workspace.read_bytes(workspace.resolve("a.bin")) == data


async def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    workspace = LocalWorkspace((tmp_path,))
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_READ_BYTES + 1)
    with pytest.raises(TooLarge, match=str(MAX_READ_BYTES)):
        await workspace.read_bytes(workspace.resolve("large"))
    with pytest.raises(FileMissing):
        await workspace.read_bytes(workspace.resolve("gone"))
    with pytest.raises(WorkspaceError, match="is a directory"):
        await workspace.read_bytes(workspace.resolve("."))


async def test_a_path_exchanged_for_a_link_out_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_bytes(b"hunter2")
    workspace = LocalWorkspace((root,))
    path = workspace.resolve("a.bin")
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(PathOutsideWorkspace):
        await workspace.read_bytes(path)
