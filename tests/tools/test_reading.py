"""`read` and `ls`: what the model sees of files and directories."""

import os

import anyio
import pytest

from acp_agent.base.errors import FileMissing, PathOutsideWorkspace, ToolError, WorkspaceError
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import Location
from acp_agent.ports import Preview
from acp_agent.tools.ls import LsTool
from acp_agent.tools.read import ReadTool
from tests.patience import PATIENCE

read, ls = ReadTool(), LsTool()


async def test_read_says_what_it_would_read(context, root):
    (root / "src").mkdir()
    assert await read.preview({"path": "src/a.py", "offset": 7}, context) == Preview(
        "Read `src/a.py`",
        "read",
        Access("read", "read", (str(root / "src/a.py"),)),
        locations=(Location(str(root / "src/a.py"), 7),),
    )


async def test_lines_are_numbered(told, root):
    (root / "a").write_bytes(b"one\r\n\ttwo\n\nfour")
    assert await told(read, path="a") == "     1\tone\n     2\t\ttwo\n     3\t\n     4\tfour"


async def test_part_of_a_file_says_how_to_get_the_rest(told, root):
    (root / "a").write_text("".join(f"line {n}\n" for n in range(1, 11)), encoding="utf-8")
    assert await told(read, path="a", offset=3, limit=2) == (
        "     3\tline 3\n     4\tline 4\n(more lines follow; read on with `offset`: 5)"
    )
    assert (await told(read, path="a", limit=2)).endswith("(more lines follow; read on with `offset`: 3)")
    assert await told(read, path="a", offset=9) == "     9\tline 9\n    10\tline 10"


async def test_reading_past_the_end_tells_where_the_end_is(told, root):
    (root / "a").write_text("one\n", encoding="utf-8")
    assert await told(read, path="a", limit=1) == "     1\tone"
    with pytest.raises(ToolError, match="`offset`: 2 is past the end; the file has 1 lines"):
        await told(read, path="a", offset=2)


async def test_a_long_file_says_how_long(told, root):
    (root / "a").write_text("x\n" * 2_100, encoding="utf-8")
    assert (await told(read, path="a")).endswith("(100 more lines of 2100; read on with `offset`: 2001)")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("part", [{}, {"offset": 3}, {"limit": 5}])
async def test_an_empty_file_says_so(told, root, content, part):
    (root / "a").write_bytes(content)
    assert await told(read, path="a", **part) == "(the file is empty)"


async def test_a_long_line_is_cut(told, root):
    (root / "a").write_text("x" * 2_500, encoding="utf-8")
    assert await told(read, path="a") == f"     1\t{'x' * 2000}… (500 more characters in this line)"


async def test_one_call_is_bounded_however_long_the_lines(told, root):
    (root / "a").write_text(("x" * 1_000 + "\n") * 500, encoding="utf-8")
    text = await told(read, path="a")
    assert len(text) < 101_000
    assert text.endswith("read on with `offset`: 100)")


async def test_control_characters_are_shown_and_do_not_act(told, root):
    (root / "a").write_text("\ufeffa\x1b[31mb\x07\r c\n", encoding="utf-8")
    assert await told(read, path="a") == "     1\ta␛[31mb␇␍ c"


async def test_a_directory_is_to_be_listed(told, root):
    (root / "sub").mkdir()
    with pytest.raises(ToolError, match="`sub` is a directory; list it with `ls`"):
        await told(read, path="sub")


async def test_binary_and_huge_files_say_what_to_do(told, root):
    (root / "binary").write_bytes(b"\x7fELF\0")
    with pytest.raises(ToolError, match="`binary` is not UTF-8 text"):
        await told(read, path="binary")
    (root / "huge").touch()
    os.truncate(root / "huge", 1 << 30)
    with pytest.raises(ToolError, match="search it with `grep`"):
        await told(read, path="huge")


async def test_missing_and_foreign_files_are_errors(told, context):
    with pytest.raises(FileMissing):
        await told(read, path="nope")
    with pytest.raises(PathOutsideWorkspace):
        await read.preview({"path": "/etc/passwd"}, context)


@pytest.mark.skipif(os.name == "nt", reason="needs a named pipe")
async def test_a_named_pipe_does_not_hang(told, root):
    os.mkfifo(root / "fifo")
    with anyio.fail_after(PATIENCE), pytest.raises(WorkspaceError, match="not a regular file"):
        await told(read, path="fifo")


async def test_a_directory_is_listed(told, root):
    (root / "b").mkdir()
    (root / "a.txt").write_text("123", encoding="utf-8")
    assert await told(ls) == "a.txt (3 bytes)\nb/"
    assert await told(ls, path="b") == "(the directory is empty)"


async def test_a_name_cannot_pretend_to_be_two(told, root):
    (root / "a\nb\x1b[2J").touch()
    assert await told(ls) == r"a\nb\x1b[2J (0 bytes)"


async def test_a_crowded_directory_is_cut(told, root):
    for number in range(1_003):
        (root / f"{number:04}").touch()
    assert (await told(ls)).endswith("0999 (0 bytes)\n(3 more entries; narrow down with `glob`)")


async def test_ls_says_what_it_would_list(context, root):
    assert await ls.preview({}, context) == Preview(
        "List `.`", "read", Access("read", "read", (str(root),)), locations=(Location(str(root)),)
    )
