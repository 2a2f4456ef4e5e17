"""`write` and `edit`: the change that is shown is the change that is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import PathOutsideWorkspace, ToolError, WorkspaceError
from acp_agent.model.content import Diff
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import Location
from acp_agent.ports import Preview
from acp_agent.tools.edit import EditTool
from acp_agent.tools.editing.replacing import Replaced, replace_text
from acp_agent.tools.patch import PatchTool
from acp_agent.tools.write import WriteTool

write, edit = WriteTool(), EditTool()


async def test_writing_a_new_file(context, told, root):
    path = root / "sub/a.txt"
    assert await write.preview({"path": "sub/a.txt", "content": "x\n"}, context) == Preview(
        "Write `sub/a.txt`",
        "edit",
        Access("write", "edit", (str(path),)),
        content=(Diff(str(path), "x\n"),),
        locations=(Location(str(path)),),
    )
    assert not path.exists()
    assert await told(write, path="sub/a.txt", content="x\n") == "created `sub/a.txt` (1 line)"
    assert path.read_bytes() == b"x\n"


async def test_replacing_a_file_shows_the_old_text(context, root):
    (root / "a").write_text("old", encoding="utf-8")
    diff = Diff(str(root / "a"), "new\nand more", "old")
    assert (await write.preview({"path": "a", "content": "new\nand more"}, context)).content == (diff,)
    outcome = await write.run({"path": "a", "content": "new\nand more"}, context)
    assert outcome.for_model[0].text == "replaced `a` (2 lines)"
    assert outcome.display == (diff,)


async def test_a_file_can_be_emptied(told, root):
    (root / "a").write_text("old", encoding="utf-8")
    assert await told(write, path="a", content="") == "replaced `a` (0 lines)"
    assert (root / "a").read_bytes() == b""


async def test_what_is_no_text_file_is_not_replaced(context, root):
    (root / "binary").write_bytes(b"\0")
    (root / "sub").mkdir()
    with pytest.raises(ToolError, match="not a text file"):
        await write.preview({"path": "binary", "content": "x"}, context)
    with pytest.raises(WorkspaceError, match="is a directory"):
        await write.preview({"path": "sub", "content": "x"}, context)
    with pytest.raises(PathOutsideWorkspace):
        await write.preview({"path": "../x", "content": "x"}, context)


async def test_a_large_new_file_is_shown_in_part(context):
    (diff,) = (await write.preview({"path": "a", "content": "x" * 300_000}, context)).content
    assert isinstance(diff, Diff)
    assert diff.new_text.endswith("x\n… (100000 more characters)")


async def test_editing_shows_whole_texts_and_the_first_changed_line(context, root):
    path = root / "a.py"
    path.write_text("one\ntwo\nthree\n", encoding="utf-8")
    args = {"path": "a.py", "old_text": "two\nthree", "new_text": "two\n3"}
    diff = Diff(str(path), "one\ntwo\n3\n", "one\ntwo\nthree\n")
    locations = (Location(str(path), 3),)
    assert await edit.preview(args, context) == Preview(
        "Edit `a.py`", "edit", Access("write", "edit", (str(path),)), content=(diff,), locations=locations
    )
    outcome = await edit.run(args, context)
    assert outcome.for_model[0].text == "edited `a.py` at line 2"
    assert outcome.display == (diff,)
    assert outcome.locations == locations
    assert path.read_bytes() == b"one\ntwo\n3\n"


async def test_editing_reads_the_file_again(context, root):
    (root / "a").write_text("one\ntwo\n", encoding="utf-8")
    args = {"path": "a", "old_text": "two", "new_text": "2"}
    await edit.preview(args, context)
    (root / "a").write_text("zero\none\ntwo\n", encoding="utf-8")
    assert (await edit.run(args, context)).display == (
        Diff(str(root / "a"), "zero\none\n2\n", "zero\none\ntwo\n"),
    )


async def test_a_large_file_is_shown_around_the_change(context, root):
    lines = [f"line {n}" for n in range(50_000)]
    (root / "a").write_text("\n".join(lines), encoding="utf-8")
    (diff,) = (
        await edit.preview({"path": "a", "old_text": "line 40000", "new_text": "x\ny"}, context)
    ).content
    around = [f"line {n}" for n in (39_997, 39_998, 39_999, 40_000, 40_001, 40_002, 40_003)]
    new = [*around[:3], "x", "y", *around[4:]]
    assert diff == Diff(str(root / "a"), "\n".join(new), "\n".join(around))


async def test_lines_the_model_sends_unix_style_fit_a_windows_file(told, root):
    (root / "a").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    await told(edit, path="a", old_text="one\ntwo", new_text="1\n2\n2b")
    assert (root / "a").read_bytes() == b"1\r\n2\r\n2b\r\nthree\r\n"
    await told(edit, path="a", old_text="three", new_text="3\n4")
    assert (root / "a").read_bytes() == b"1\r\n2\r\n2b\r\n3\r\n4\r\n"


async def test_lines_the_model_sends_windows_style_fit_a_unix_file(told, root):
    (root / "a").write_bytes(b"one\ntwo\n")
    await told(edit, path="a", old_text="one\r\ntwo", new_text="1\r\n2")
    assert (root / "a").read_bytes() == b"1\n2\n"


async def test_line_ends_alone_are_no_difference(told, root):
    (root / "a").write_bytes(b"one\ntwo\n")
    with pytest.raises(ToolError, match="differ only in line ends"):
        await told(edit, path="a", old_text="one\ntwo", new_text="one\r\ntwo")


async def test_an_ambiguous_text_is_not_replaced(told, root):
    (root / "a").write_text("x\ny\nx\n", encoding="utf-8")
    with pytest.raises(ToolError, match=r"is there 2 times, at lines 1, 3; add lines .* `replace_all`"):
        await told(edit, path="a", old_text="x", new_text="z")
    said = await told(edit, path="a", old_text="x", new_text="z", replace_all=True)
    assert said == "edited `a` at 2 places, first at line 1"
    assert (root / "a").read_bytes() == b"z\ny\nz\n"


@pytest.mark.parametrize(
    ("old_text", "advice"),
    [
        ("return compute(valeu)", "most similar lines are:\n     2\t    return compute(value)"),
        ("def f():\n    return  compute(value)", "lines from 1 on differ only in white space"),
        ("     2\t    return compute(value)", "leave out the line numbers"),
        ("completely else", "nor is anything like it; read the file again"),
        ("\n\n\n", "only white space"),
    ],
)
async def test_a_text_that_is_not_there_brings_advice(told, root, old_text, advice):
    (root / "a.py").write_text("def f():\n    return compute(value)\n", encoding="utf-8")
    with pytest.raises(ToolError) as caught:
        await told(edit, path="a.py", old_text=old_text, new_text="x")
    assert advice in str(caught.value)


async def test_an_empty_old_text_is_for_new_and_empty_files(told, root):
    assert await told(edit, path="new", old_text="", new_text="x") == "created `new`"
    (root / "empty").touch()
    assert await told(edit, path="empty", old_text="", new_text="y") == "filled `empty`"
    assert ((root / "new").read_bytes(), (root / "empty").read_bytes()) == (b"x", b"y")
    with pytest.raises(ToolError, match="`old_text` is empty but `new` is not"):
        await told(edit, path="new", old_text="", new_text="z")


async def test_editing_needs_a_file_and_a_difference(told):
    with pytest.raises(ToolError, match="no such file: `nope`; find it with `glob`"):
        await told(edit, path="nope", old_text="a", new_text="b")
    with pytest.raises(ToolError, match="are the same"):
        await told(edit, path="nope", old_text="a", new_text="a")


async def test_a_byte_order_mark_survives_an_edit(told, root):
    (root / "a").write_bytes(b"\xef\xbb\xbfone\n")
    await told(edit, path="a", old_text="one", new_text="two")
    assert (root / "a").read_bytes() == b"\xef\xbb\xbftwo\n"


_pieces = st.text(st.sampled_from("ab\n"), max_size=8)


@given(before=_pieces, old=_pieces.filter(bool), after=_pieces, new=_pieces)
def test_replacing_everything_is_what_strings_do(before, old, after, new):
    text = before + old + after
    replaced = replace_text(text, old, new, replace_all=True)
    assert replaced.text == text.replace(old, new)
    assert len(replaced.lines) == text.count(old)
    assert replaced.lines[0] == text[: text.index(old)].count("\n") + 1
    if sum(text.startswith(old, at) for at in range(len(text))) == 1:
        assert replace_text(text, old, new, replace_all=False) == Replaced(replaced.text, replaced.lines)


async def test_a_large_file_is_edited_and_patched_like_a_small_one(told, root):
    lines = [f"line {n}" for n in range(50_000)]
    (root / "a").write_text("\n".join(lines), encoding="utf-8")
    assert await told(edit, path="a", old_text="  line 40000\n", new_text="  changed\n") == (
        "edited `a` at line 40001; there the file differs from `old_text` in indentation, and was kept so"
    )
    assert (
        await told(PatchTool(), path="a", diff="@@\n changed\n-line 40001\n") == "patched `a` at line 40002"
    )
    lines[40_000:40_002] = ["changed"]
    assert (root / "a").read_text(encoding="utf-8") == "\n".join(lines)


async def test_patching_shows_what_it_will_change(context, told, root):
    path = root / "a.py"
    path.write_text("one\ntwo\nthree\n", encoding="utf-8")
    args = {"path": "a.py", "diff": "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"}
    diff, locations = Diff(str(path), "one\n2\nthree\n", "one\ntwo\nthree\n"), (Location(str(path), 2),)
    assert await PatchTool().preview(args, context) == Preview(
        "Patch `a.py`", "edit", Access("write", "edit", (str(path),)), content=(diff,), locations=locations
    )
    outcome = await PatchTool().run(args, context)
    assert (outcome.for_model[0].text, outcome.display, outcome.locations) == (
        "patched `a.py` at line 2",
        (diff,),
        locations,
    )
    with pytest.raises(PathOutsideWorkspace):
        await PatchTool().preview({**args, "path": "../a"}, context)


async def test_a_diff_of_a_new_file_creates_it(told, root):
    created = "--- /dev/null\n+++ b/new\n@@ -0,0 +1,2 @@\n+one\n+two\n"
    assert await told(PatchTool(), path="new", diff=created) == "created `new`"
    assert (root / "new").read_bytes() == b"one\ntwo\n"
    unended = "@@ -0,0 +1 @@\n+one\n\\ No newline at end of file\n"
    await told(PatchTool(), path="unended", diff=unended)
    assert (root / "unended").read_bytes() == b"one"
    with pytest.raises(ToolError, match="no such file: `nope`; the diff expects lines in it"):
        await told(PatchTool(), path="nope", diff="@@\n-one\n+two\n")
