"""Files of the local workspace: only regular ones, whole, and never through a link."""

import os
import stat

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.base.errors import FileMissing, NotText, PathOutsideWorkspace, TooLarge, WorkspaceError
from acp_agent.ports import FileEntry
from acp_agent.workspaces.local import LocalWorkspace
from tests.patience import PATIENCE

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
async def test_what_is_written_is_read(workspace, text):
    path = workspace.resolve("a.txt")
    await workspace.write_text(path, text)
    assert await workspace.read_text(path) == text
    assert path.read_bytes() == text.encode()


async def test_line_ends_and_byte_order_mark_are_kept(workspace, root):
    (root / "a").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert await workspace.read_text(root / "a") == "\ufeffone\r\ntwo\rthree\n"


@pytest.mark.parametrize("content", [b"\xff\xfea\0", b"caf\xe9", b"\x7fELF\0\0", b"\xed\xa0\x80"])
async def test_bytes_that_are_no_text_are_refused(workspace, root, content):
    (root / "a").write_bytes(content)
    with pytest.raises(NotText):
        await workspace.read_text(root / "a")


async def test_a_missing_file_is_told_apart(workspace, root):
    (root / "file").touch()
    for name in ("nope", "nope/deeper", "file/deeper"):
        with pytest.raises(FileMissing):
            await workspace.read_text(workspace.resolve(name))


async def test_a_directory_is_no_file(workspace, root):
    (root / "sub").mkdir()
    for path in (root, root / "sub"):
        with pytest.raises(WorkspaceError, match="is a directory"):
            await workspace.read_text(path)
        with pytest.raises(WorkspaceError, match="is a directory"):
            await workspace.write_text(path, "x")


async def test_a_huge_file_is_refused_without_reading_it(workspace, root):
    (root / "huge").touch()
    os.truncate(root / "huge", 1 << 40)
    with pytest.raises(TooLarge, match=str(1 << 40)):
        await workspace.read_text(root / "huge")


async def test_a_file_of_ten_mebibytes_is_still_read(workspace, root):
    (root / "big").write_bytes(b"x" * (10 << 20))
    assert len(await workspace.read_text(root / "big")) == 10 << 20


@posix_only
async def test_a_pipe_neither_hangs_nor_is_replaced(workspace, root):
    os.mkfifo(root / "fifo")
    with anyio.fail_after(PATIENCE):
        with pytest.raises(WorkspaceError, match="not a regular file"):
            await workspace.read_text(root / "fifo")
        with pytest.raises(WorkspaceError, match="not a regular file"):
            await workspace.write_text(root / "fifo", "x")
    assert stat.S_ISFIFO((root / "fifo").stat().st_mode)


@posix_only
async def test_writing_keeps_the_permission_bits(workspace, root):
    script = root / "run.sh"
    script.write_text("old", encoding="utf-8")
    script.chmod(0o777)  # more than a umask would leave to a new file
    await workspace.write_text(script, "new")
    assert stat.S_IMODE(script.stat().st_mode) == 0o777
    assert script.read_text(encoding="utf-8") == "new"


async def test_writing_makes_directories_and_leaves_nothing_else(workspace, root):
    await workspace.write_text(workspace.resolve("a/b/c.txt"), "x")
    await workspace.write_text(workspace.resolve("a/b/c.txt"), "y")
    assert [path.name for path in (root / "a/b").iterdir()] == ["c.txt"]


async def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(workspace, root):
    (root / "a").write_text("old", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="surrogate"):
        await workspace.write_text(root / "a", "\ud800")
    (root / "file").write_text("x", encoding="utf-8")
    with pytest.raises(WorkspaceError):
        await workspace.write_text(root / "file/deeper", "x")
    assert sorted(path.name for path in root.iterdir()) == ["a", "file"]
    assert (root / "a").read_text(encoding="utf-8") == "old"


async def test_a_file_with_two_names_is_left_alone(workspace, root):
    (root / "a").write_text("shared", encoding="utf-8")
    os.link(root / "a", root / "b")
    with pytest.raises(WorkspaceError, match="hard links"):
        await workspace.write_text(root / "a", "x")
    assert (root / "b").read_text(encoding="utf-8") == "shared"


@posix_only
async def test_a_read_only_file_is_left_alone(workspace, root):
    (root / "a").write_text("kept", encoding="utf-8")
    (root / "a").chmod(0o444)
    with pytest.raises(WorkspaceError, match="read-only"):
        await workspace.write_text(root / "a", "x")
    assert (root / "a").read_text(encoding="utf-8") == "kept"


async def test_a_path_exchanged_for_a_link_after_it_was_resolved_is_refused(workspace, root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("secret", encoding="utf-8")
    (root / "sub").mkdir()
    path = workspace.resolve("sub/a")
    (root / "sub").rmdir()
    (root / "sub").symlink_to(outside)
    with pytest.raises(PathOutsideWorkspace):
        await workspace.read_text(path)
    with pytest.raises(PathOutsideWorkspace):
        await workspace.write_text(path, "x")
    assert (outside / "a").read_text(encoding="utf-8") == "secret"


async def test_a_path_that_leads_to_another_file_of_the_workspace_now_is_refused(workspace, root):
    (root / "control").write_text("kept", encoding="utf-8")
    path = workspace.resolve("harmless")
    path.symlink_to("control")
    with pytest.raises(PathOutsideWorkspace):
        await workspace.write_text(path, "x")
    assert (root / "control").read_text(encoding="utf-8") == "kept"


async def test_unresolved_paths_are_refused(workspace, root, tmp_path):
    (tmp_path / "x").write_text("secret", encoding="utf-8")
    for path in (tmp_path / "x", root / ".." / "x"):
        with pytest.raises(PathOutsideWorkspace):
            await workspace.read_text(path)
        with pytest.raises(PathOutsideWorkspace):
            await workspace.list_dir(path)


async def test_a_directory_is_listed_by_name_and_links_out_are_no_directories(workspace, root, tmp_path):
    (root / "b").mkdir()
    (root / "a").write_text("123", encoding="utf-8")
    (root / "in").symlink_to(root / "b")
    (root / "out").symlink_to(tmp_path)
    (root / "nowhere").symlink_to(root / "missing")
    assert await workspace.list_dir(root) == [
        FileEntry("a", is_dir=False, size_bytes=3),
        FileEntry("b", is_dir=True),
        FileEntry("in", is_dir=True),
        FileEntry("nowhere", is_dir=False),
        FileEntry("out", is_dir=False),
    ]


async def test_only_directories_are_listed(workspace, root):
    (root / "a").touch()
    with pytest.raises(FileMissing):
        await workspace.list_dir(root / "missing")
    with pytest.raises(WorkspaceError, match="not a directory"):
        await workspace.list_dir(root / "a")


def test_a_workspace_needs_a_directory():
    with pytest.raises(ValueError, match="at least one"):
        LocalWorkspace(())
