"""Which commands are known to read and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from acp_agent.model.permission import Access
from acp_agent.tools.shell.line import shell_access
from acp_agent.tools.shell.readers import files_read
from acp_agent.workspaces.local import LocalWorkspace

posix_only = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX programs")


def access(text: str, root: Path) -> Access:
    return shell_access(text, LocalWorkspace((root,)), posix=True)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("pwd", []),
        ("true", []),
        ("false x", []),
        ("echo -n a --b", []),
        ("ls", ["."]),
        ("ls -la src --color=never", ["src"]),
        ("cat", []),
        ("cat -n a b", ["a", "b"]),
        ("cat -- -n", ["-n"]),
        ("cat -", []),
        ("head -n 5 a", ["a"]),
        ("head -n5 a", ["a"]),
        ("head -20 a", ["a"]),
        ("tail --lines=+5 a", ["a"]),
        ("tail -c 5", []),
        ("wc -l a", ["a"]),
        ("sort -u -k 2 a", ["a"]),
        ("sort -nrk2", []),
        ("cut -d : -f 1", []),
        ("grep x", []),
        ("grep -n x a b", ["a", "b"]),
        ("grep -rn --include=*.py x", ["."]),
        ("grep -A3 -B 2 x a", ["a"]),
        ("rg x", ["."]),
        ("rg -n --glob=*.py x src", ["src"]),
        ("rg --files src", ["src"]),
        ("find", ["."]),
        ("find . src -name *.py -type f", [".", "src"]),
        ("find . ( -name a -o -iname b ) -not -path ./x -print0", ["."]),
        ("find -maxdepth 2 -size +1M", ["."]),
        ("sed -n 5p a", ["a"]),
        ("sed -n 1,20p a b", ["a", "b"]),
        ("sed -n 3,$p", []),
    ],
)
def test_a_reading_command_names_its_files(text: str, files: list[str]) -> None:
    assert files_read(tuple(text.split(" "))) == tuple(files)


@pytest.mark.parametrize(
    "text",
    [
        # no program only reads, whatever its options: CVE-2026-24887, CVE-2025-64755, CVE-2026-25723
        "find . -exec rm x ;",
        "find . -execdir rm x ;",
        "find . -ok rm x ;",
        "find . -okdir rm x ;",
        "find . -delete",
        "find . -fprint x",
        "find . -fprint0 x",
        "find . -fprintf x y",
        "find . -fls x",
        "find -L .",
        "find . -L",
        "find . -newer /etc/passwd",
        "find . -files0-from x",
        "find . -name",
        "find . x -name a y",
        "sed p a",
        "sed -n e a",
        "sed -n w/etc/x a",
        "sed -n 1e a",
        "sed -n 1,5pw a",
        "sed -n /x/p a",
        "sed -i 5p a",
        "sed -n -i 5p a",
        "sed -n 5p -i a",
        "sed -n 5p --in-place a",
        "sed -ni 5p a",
        "sed -n -f x a",
        "sed -n -e 5p a",
        "rg --pre x y",
        "rg --pre=x y",
        "rg --hostname-bin=x y",
        "rg -z x",
        "rg --search-zip x",
        "rg -L x",
        "rg --follow x",
        "rg -f /etc/passwd",
        "rg --file=/etc/passwd",
        "rg --ignore-file=x y",
        "grep -R x",
        "grep -f /etc/passwd a",
        "grep -nf/etc/passwd a",
        "grep --file=/etc/passwd a",
        "grep -e x a",
        "grep --dereference-recursive x",
        "grep",
        "sort -o x a",
        "sort -ox a",
        "sort -uo x a",
        "sort --output=x a",
        "sort --compress-program=x a",
        "sort -T /x a",
        "sort --files0-from=x",
        "sort --random-source=x",
        "wc --files0-from=x",
        "ls -L",
        "ls --dereference",
        "tail -f a",
        "tail --follow=name a",
        "tail --pid=1 a",
        "head -n",
        "cut --lin",
        "cat --number-non a",  # an abbreviated option: CVE-2025-66032
        "cat --number=1 a",
        "head --lines 5 a",
        "pwd x",
        "ls --color=never --exec=x",
        # and none of these at all
        "git status",
        "git log",
        "git diff",
        "base64 -d a",
        "awk 1 a",
        "less a",
        "tee a",
        "uniq a b",
        "diff -r a b",
        "xxd a",
        "env",
        "ping x",
        "python -V",
        "cd a",
        "test -f a",
        "/bin/ls",
        "./ls",
        "LS",
    ],
)
def test_any_other_option_or_program_is_no_reading(text: str) -> None:
    assert files_read(tuple(text.split(" "))) is None


@pytest.fixture
def repo(root: Path) -> Path:
    (root / "src").mkdir()
    (root / "src" / "a.py").write_text("x")
    (root.parent / "secret").write_text("s")
    (root.parent / "repo-evil").mkdir()
    if os.name != "nt":
        (root / "link").symlink_to(root.parent / "secret")
        (root / "up").symlink_to(root.parent)
        (root / "inner").symlink_to(root / "src")
        (root / "file:").symlink_to(root.parent)
    return root


@posix_only
def test_a_line_that_reads_in_the_workspace_needs_no_more(repo: Path) -> None:
    judged = access("cat src/a.py inner/a.py && find . -name '*.py' | head -5; ls missing", repo)
    assert judged.effect == "read"
    assert judged.paths == tuple(map(str, (repo / "src/a.py", repo / "src/a.py", repo, repo / "missing")))
    assert access("echo 'all' done | wc -l", repo).effect == "read"


@posix_only
@pytest.mark.parametrize(
    "text",
    [
        "cat /etc/passwd",
        "cat ../secret",
        "cat src/../../secret",
        "cat link",
        "cat up/secret",
        "ls up",
        "grep -r x ..",
        "grep x src/a.py ../secret",
        "find / -name x",
        "find src ..",
        "cat ../repo-evil/x",
        "cat file:///secret",
        "cat '~/x' ../secret",
        "cat src/a.py; cat ../secret",
        "cat src/a.py | sh",
        "cd src && cat a.py",  # where a path leads depends on the folder
        "cd .. && ls",
        "cat src/a.py && touch x",
        "cat src/a.py > x",
        "cat src/*",
        "cat $HOME/x",
        "cat 'src/a.py\x00'",
    ],
)
def test_anything_outside_or_uncertain_is_an_ordinary_command(text: str, repo: Path) -> None:
    judged = access(text, repo)
    assert (judged.effect, judged.paths) == ("execute", ())


@posix_only
def test_what_touches_no_file_is_harmless_beside_other_commands(repo: Path) -> None:
    line = access("npm test | tail -5 && echo done && cat src/a.py && ls && pwd", repo).line
    assert line is not None
    assert [call.harmless for call in line.calls] == [False, True, True, False, False, True]


@posix_only
def test_a_program_from_the_workspace_is_not_the_one_that_is_known(repo: Path) -> None:
    inside = repo / "bin"
    inside.mkdir()
    outside = repo.parent / "bin"
    outside.mkdir()
    for folder in (inside, outside):
        (folder / "cat").write_text("")
        (folder / "cat").chmod(0o700)
    (outside / "head").symlink_to(inside / "cat")
    (inside / "tail").symlink_to(outside / "cat")

    def judged(text: str, *folders: object) -> str:
        code = (
            "import sys; from pathlib import Path; from acp_agent.tools.shell.line import shell_access;"
            "from acp_agent.workspaces.local import LocalWorkspace;"
            "access = shell_access(sys.argv[1], LocalWorkspace((Path(sys.argv[2]),)), posix=True);"
            "print(access.effect, [call.harmless for call in access.line.calls], end='')"
        )
        command = [sys.executable, "-c", code, text, str(repo)]
        env = {**os.environ, "PATH": os.pathsep.join(map(str, folders))}
        return subprocess.run(command, env=env, capture_output=True, check=True, encoding="utf-8").stdout

    assert judged("cat | cat a", outside, inside) == "read [True, False]"
    assert judged("cat | cat a", inside, outside) == "execute [False, False]"
    assert judged("cat", "bin", outside) == "execute [False]"  # a relative folder is one of the workspace
    assert judged("head", outside) == "execute [False]"
    assert judged("tail", inside) == "execute [False]"
    assert judged("wc", outside) == "execute [False]"  # there is none
    assert judged("echo a") == "read [True]"


def test_the_grammar_is_loaded_with_the_first_command_only() -> None:
    code = (
        "import sys; from pathlib import Path; import acp_agent.sdk.agent, acp_agent.server.connection;"
        "from acp_agent.tools.builtin import builtin_tools; builtin_tools();"
        "print(sorted(name for name in sys.modules if name.startswith('tree_sitter')));"
        "from acp_agent.tools.shell.line import shell_access;"
        "from acp_agent.workspaces.local import LocalWorkspace;"
        "shell_access('ls', LocalWorkspace((Path.cwd(),)), posix=True);"
        "print('tree_sitter_bash' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert ran.stdout.split("\n")[:2] == ["[]", "True"]
