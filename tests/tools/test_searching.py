"""`glob` and `grep`: complete within their bounds, and unable to hang or leave the workspace."""

import os
import sys
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import FileMissing, PathOutsideWorkspace, ToolError
from acp_agent.model.permission import Access
from acp_agent.ports import Preview
from acp_agent.tools.glob import GlobTool
from acp_agent.tools.globbing import compile_filter, compile_glob
from acp_agent.tools.grep import GrepTool, find_ripgrep
from tests.patience import PATIENCE

glob = GlobTool()
ENGINES = {"own": None} | ({"ripgrep": found} if (found := find_ripgrep()) else {})


@pytest.fixture(params=ENGINES.values(), ids=ENGINES.keys())
def grep(request: pytest.FixtureRequest) -> GrepTool:
    return GrepTool(request.param)


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    """Files with a line `needle <name>` each, some of them where no search goes."""
    names = ["a.py", "b.ts", ".hidden.py", "sub/c.py", "sub/deep/d.tsx", ".git/e.py", "node_modules/p/f.py"]
    for age, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"first\nneedle {name}\n", encoding="utf-8")
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("needle outside", encoding="utf-8")
    (root / "link").symlink_to(outside)
    (root / "link.py").symlink_to(outside / "secret.py")
    (root / "loop").symlink_to(root)
    return root


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.py", ["a.py", ".hidden.py"]),
        ("**/*.py", ["a.py", ".hidden.py", "sub/c.py"]),
        ("**/*.{ts,tsx}", ["b.ts", "sub/deep/d.tsx"]),
        ("sub/**", ["sub/c.py", "sub/deep/d.tsx"]),
        ("./sub/?.py", ["sub/c.py"]),
        ("**/deep/*", ["sub/deep/d.tsx"]),
        ("[ab].*", ["a.py", "b.ts"]),
    ],
)
async def test_files_are_found_by_name_last_changed_first(told, tree, pattern, expected):
    assert (await told(glob, pattern=pattern)).split("\n") == expected


async def test_a_skipped_directory_can_be_named(told, tree):
    assert await told(glob, pattern="**/*.py", path="node_modules") == "node_modules/p/f.py"


async def test_a_search_says_when_nothing_matches(told, tree, grep):
    assert await told(glob, pattern="*.rs") == "no file matches"
    assert await told(grep, pattern="haystack") == "no line matches"


async def test_at_most_two_hundred_files_are_shown(told, root):
    for number in range(203):
        (root / f"{number}.txt").touch()
    lines = (await told(glob, pattern="*.txt")).split("\n")
    assert len(lines) == 201
    assert lines[-1] == "(3 more files match; narrow the pattern)"


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "sub/../../*", "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"])
async def test_patterns_that_lead_away_or_explode_are_refused(context, pattern):
    with pytest.raises(ToolError, match="`pattern`: "):
        await glob.preview({"pattern": pattern}, context)


async def test_only_directories_are_searched_for_names(told, tree):
    with pytest.raises(ToolError, match="is not a directory"):
        await told(glob, pattern="*", path="a.py")
    with pytest.raises(PathOutsideWorkspace):
        await told(glob, pattern="*", path="link")


async def test_searches_say_what_they_would_search(context, root):
    access = Access("read", "read", (str(root),))
    assert await glob.preview({"pattern": "**/*.py"}, context) == Preview("Find `**/*.py`", "search", access)
    assert await GrepTool().preview({"pattern": "a\tb"}, context) == Preview(
        r"Search for `a\tb`", "search", access
    )


async def test_lines_are_found_in_the_order_of_paths(told, tree, grep):
    assert (await told(grep, pattern="^needle")).split("\n") == [
        ".hidden.py:2:needle .hidden.py",
        "a.py:2:needle a.py",
        "b.ts:2:needle b.ts",
        "sub/c.py:2:needle sub/c.py",
        "sub/deep/d.tsx:2:needle sub/deep/d.tsx",
    ]


@pytest.mark.parametrize(
    ("glob_", "expected"),
    [
        ("*.py", [".hidden.py", "a.py", "sub/c.py"]),
        ("sub/*.py", ["sub/c.py"]),
        ("**/deep/**", ["sub/deep/d.tsx"]),
        ("*.{ts,tsx}", ["b.ts", "sub/deep/d.tsx"]),
    ],
)
async def test_files_to_search_can_be_chosen_by_name(told, tree, grep, glob_, expected):
    lines = (await told(grep, pattern="needle", glob=glob_)).split("\n")
    assert [line.partition(":")[0] for line in lines] == expected


async def test_one_file_or_a_directory_can_be_searched(told, tree, grep):
    assert await told(grep, pattern="needle", path="sub/c.py") == "sub/c.py:2:needle sub/c.py"
    assert await told(grep, pattern="needle", path="sub", glob="*.tsx") == (
        "sub/deep/d.tsx:2:needle sub/deep/d.tsx"
    )
    assert await told(grep, pattern="needle", path=".git") == ".git/e.py:2:needle .git/e.py"
    with pytest.raises(FileMissing):
        await told(grep, pattern="needle", path="missing")


async def test_case_matters_unless_it_is_told_not_to(told, tree, grep):
    assert await told(grep, pattern="NEEDLE", path="a.py") == "no line matches"
    assert await told(grep, pattern="NEEDLE", path="a.py", ignore_case=True) == "a.py:2:needle a.py"


async def test_matching_lines_are_bounded(told, root, grep):
    (root / "a").write_text("x\n" * 1_000, encoding="utf-8")
    lines = (await told(grep, pattern="x", limit=3)).split("\n")
    assert lines == ["a:1:x", "a:2:x", "a:3:x", "(more lines match; narrow the pattern or raise `limit`)"]


async def test_long_lines_are_cut_and_controls_shown(told, root, grep):
    (root / "a").write_bytes(b"x" * 10_000 + b"\r\n\x1b[31mx\r\n")
    assert await told(grep, pattern="x") == f"a:1:{'x' * 500}…\na:2:␛[31mx"


async def test_files_that_are_no_text_do_not_disturb(told, root, grep):
    (root / "binary").write_bytes(b"\0\1\2" * 100 + b"\nx\n")
    (root / "latin").write_bytes(b"x caf\xe9\n")
    if os.name != "nt":
        os.mkfifo(root / "fifo")
    with anyio.fail_after(PATIENCE):
        assert await told(grep, pattern="x") == "latin:1:x caf\ufffd"


async def test_a_bad_pattern_is_explained(told, tree, grep):
    with pytest.raises(ToolError, match="`pattern`: "):
        await told(grep, pattern="(unclosed")


def search_program(folder: Path, script: str) -> Path:
    """A stand-in for the program that searches."""
    if os.name == "nt":
        pytest.skip("the stand-in for a search program is a shell script; any POSIX system runs this")
    program = folder / "rg"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


async def test_what_a_search_program_said_is_read_though_it_came_after_its_end(told, tree, tmp_path):
    program = search_program(tmp_path, "(exec >&-; sleep 0.2; echo no such class >&2) & exit 2")
    with anyio.fail_after(PATIENCE), pytest.raises(ToolError, match="`pattern`: no such class"):
        await told(GrepTool(program), pattern="x")


async def test_a_search_program_that_complains_at_length_is_still_heard_to_its_end(told, tree, tmp_path):
    program = search_program(tmp_path, "yes permission denied | head -c 1000000 >&2\nprintf 'a\\0001:x\\n'")
    with anyio.fail_after(PATIENCE):
        assert await told(GrepTool(program), pattern="x") == "a:1:x"


async def test_a_pattern_that_looks_like_an_option_is_a_pattern(told, root, grep):
    (root / "a").write_text("--pre=evil\n", encoding="utf-8")
    assert await told(grep, pattern="--pre=evil") == "a:1:--pre=evil"


@pytest.mark.parametrize("args", [{"pattern": "a\nb"}, {"pattern": "a\0"}, {"pattern": "a", "glob": "!*.py"}])
async def test_arguments_that_cannot_work_are_refused(context, args):
    with pytest.raises(ToolError):
        await GrepTool().preview(args, context)


async def test_a_pattern_of_exponential_time_is_stopped(told, root):
    (root / "a").write_text("a" * 60 + "\n", encoding="utf-8")
    with anyio.fail_after(PATIENCE), pytest.raises(ToolError, match="simplify the pattern"):
        await told(GrepTool(timeout=0.5), pattern="(a|a)*b")


async def test_cancelling_stops_a_search(told, root):
    (root / "a").write_text("a" * 60 + "\n", encoding="utf-8")
    with anyio.fail_after(PATIENCE), anyio.move_on_after(0.3) as scope:
        await told(GrepTool(), pattern="(a|a)*b")
    assert scope.cancelled_caught


async def test_a_program_planted_in_the_workspace_is_not_run(told, tree):
    planted = tree / "rg"
    planted.write_text(f"#!{sys.executable}\nopen('owned', 'w')\n", encoding="utf-8")
    planted.chmod(0o755)
    assert "a.py:2:needle a.py" in await told(GrepTool(planted), pattern="needle")
    assert not (tree / "owned").exists()


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("**", "a/b", True),
        ("**/b", "b", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/x/y/c", False),
        ("a/*", "a/b/c", False),
        ("a", "a/b", False),
        ("a/b", "a", False),
        ("{a,b/c}", "b/c", True),
        ("{a}", "{a}", True),
        ("[!a]", "b", True),
        ("[", "[", True),
        ("A", "a", False),
    ],
)
def test_patterns(pattern, path, matches):
    assert compile_glob(pattern)(path.split("/")) is matches


def test_a_filter_without_a_slash_is_about_names():
    assert compile_filter("*.py")(["a", "b.py"])
    assert not compile_filter("a/*.py")(["x", "a", "b.py"])


@given(
    st.text("*?[]{},a/", max_size=60),
    st.lists(st.text("ab", min_size=1, max_size=40), min_size=1, max_size=6),
)
def test_no_pattern_is_slow_or_fails(pattern, path):
    try:
        matcher = compile_glob(pattern)
    except ValueError:
        return
    matcher(path)


def test_many_stars_do_not_backtrack():
    assert not compile_glob("*a" * 60 + "b")(["a" * 200])
    assert not compile_glob("**/" * 60 + "b")(["a"] * 200)
