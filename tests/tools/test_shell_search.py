"""Rules that forbid a command find it wherever it hides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.engine.permission.rules import Rules, Ruling, ToolUse, parse_rule
from acp_agent.tools.shell.line import shell_access
from acp_agent.workspaces.local import LocalWorkspace

HERE = Path(__file__).parent


def ruling(text: str, *deny: str, root: Path = HERE, posix: bool = True) -> Ruling | None:
    workspace = LocalWorkspace((root,))
    use = ToolUse("bash", {"command": text}, shell_access(text, workspace, posix=posix))
    return Rules(deny=tuple(map(parse_rule, deny))).judge(use, workspace.roots)


@pytest.mark.parametrize(
    "text",
    [
        "rm x",
        "rm",
        "ls; rm x",
        "ls && rm x || y",
        "ls | rm x",
        "ls & rm x",
        "ls\nrm x",
        "ls\r\nrm x",
        "/bin/rm x",
        "/proc/self/root/usr/bin/rm x",
        "RM x",
        "'rm' x",
        'r"m" x',
        "r''m x",
        "\\rm x",
        "r\\m x",
        "r\\\nm x",
        "r\\\n\\\nm x",
        "(rm x)",
        "{ rm x; }",
        "! rm x",
        "echo $(rm x)",
        "echo `rm x`",
        'echo "a $(rm x) b"',
        "echo $(echo $(rm x))",
        "cat <(rm x)",
        "tee >(rm x)",
        "cat <<E\n$(rm x)\nE",
        'cat <<< "$(rm x)"',
        "echo ${a:-$(rm x)}",
        "echo $(( $(rm x) ))",
        "x=$(rm y)",
        "x=`rm y` z",
        "export A=$(rm x)",
        "A=b rm x",
        "rm x > y",
        "2>&1 rm x",
        "[[ $(rm x) ]]",
        "if rm x; then y; fi",
        "if a; then rm x; else y; fi",
        "while a; do rm x; done",
        "for a in b; do rm $a; done",
        "for a in $(rm x); do b; done",
        "case a in a) rm x;; esac",
        "f() { rm x; }; f",
        "function f { rm x; }",
        "rm $X",
        "rm *",
        "rm {a,b}",
        # behind programs that run others
        "sudo rm x",
        "sudo -u root rm x",
        "/usr/bin/sudo rm x",
        "env rm x",
        "env A=b C=d rm x",
        "env -S 'rm x'",
        "env '-Srm x'",
        "env --split-string='rm x'",
        "timeout 5 rm x",
        "timeout -s KILL 5 rm x",
        "nice -n 5 rm x",
        "nohup rm x &",
        "ls | xargs rm",
        "ls | xargs -n1 -I{} rm {}",
        "command rm x",
        "builtin rm x",
        "exec rm x",
        "exec -a y rm x",
        "time rm x",
        "coproc rm x",
        "stdbuf -o0 rm x",
        "doas rm x",
        "setsid rm x",
        "busybox rm x",
        "sudo env A=b timeout 5 nice rm x",
        "find . -exec rm {} +",
        "find . -name a -execdir rm {} ';'",
        "fd a -x rm",
        "ssh host rm x",
        "uv run rm x",
        "npx rm x",
        "docker run --rm image rm x",
        # in text that is run
        "sh -c 'rm x'",
        "bash -lc 'ls; rm x'",
        "bash -c \"bash -c 'rm x'\"",
        "eval 'rm x'",
        "eval rm x",
        "sudo sh -c 'rm x'",
        "ls | xargs sh -c 'rm x'",
        "uv run sh -c 'rm x'",
        "find . -exec sh -c 'rm x' ';'",
        "trap 'rm x' EXIT",
        "watch 'rm x'",
        "su -c 'rm x'",
    ],
)
def test_a_forbidden_program_is_found(text: str) -> None:
    assert ruling(text, "Bash(rm:*)") == "deny"


@pytest.mark.parametrize(
    "text",
    [
        # what is run cannot be seen
        "$X y",
        "$(echo rm) x",
        "`echo rm` x",
        "r$(echo m) x",
        "/bin/r? x",
        "/bin/[r]m x",
        "{rm,x}",
        "~/rm x",
        "$'rm' x",
        "sudo $X",
        "env $X y",
        "ls | xargs -I{} {} x",
        "bash",
        "echo rm x | sh",
        "echo rm x | bash -s",
        "bash <<'E'\nrm x\nE",
        "bash <(echo rm x)",
        "bash /dev/stdin",
        ". <(echo rm x)",
        'eval "$X"',
        'bash -c "$X"',
        # it is not understood
        "echo 'rm x",
        "rm( x",
        "ls \x01 x",
        'echo "${a:-`rm x`}"',
        'sh -c \'sh -c "sh -c \\"sh -c x\\""; ((\'',
        # it is too much
        "ls;" * 60,
        "ls " * 4_000,
        "timeout " + "1 " * 40 + "rm x",
    ],
)
def test_what_might_be_a_forbidden_program_is_asked_about(text: str) -> None:
    assert ruling(text, "Bash(rm:*)") in ("ask", "deny")
    assert ruling(text) is None


@pytest.mark.parametrize(
    "text",
    ["ls -l", "rmdir x", "echo rm x", "git commit -m 'rm x'", "grep -r 'rm x' .", "echo $HOME", "ls *",
     "git rm x", "./rm/x", "cat 'rm'", "echo ${x:-rm}", "make rm", "a=rm", "sudo ls", "sh build.sh",
     "sh -c 'ls /bin/rm'"],
)  # fmt: skip
def test_other_commands_are_left_alone(text: str) -> None:
    assert ruling(text, "Bash(rm:*)") is None


def test_arguments_from_the_input_are_not_known() -> None:
    assert ruling("echo -rf / | xargs rm", "Bash(rm -rf:*)") == "ask"
    assert ruling("timeout 5 rm x", "Bash(rm -rf:*)") is None


def test_of_another_shell_what_is_found_is_forbidden_and_the_rest_asked_about() -> None:
    assert ruling("del x", "Bash(del:*)", posix=False) == "deny"
    assert ruling(r"C:\Windows\DEL.EXE x", "Bash(del:*)", posix=False) in ("deny", "ask")
    assert ruling("dir", "Bash(del:*)", posix=False) == "ask"


@pytest.mark.skipif(os.name == "nt", reason="links need no privilege on POSIX only")
def test_a_program_behind_a_link_is_known(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    program = tmp_path / "evil"
    program.write_text("")
    program.chmod(0o700)
    (root / "harmless").symlink_to(program)
    assert ruling("./harmless x", "Bash(evil:*)", root=root) == "deny"
    assert ruling("sudo ./harmless x", "Bash(evil:*)", root=root) == "deny"
    assert ruling("./other x", "Bash(evil:*)", root=root) is None
    (root / "a b").mkdir()
    (root / "a b" / "rm").symlink_to(program)
    for text in ("'a b/rm' x", "sudo 'a b/rm' x"):
        assert ruling(text, "Bash(rm:*)", root=root) == "deny"


WRAPPINGS = ["{}", "sudo {}", "env A=b {}", "timeout 5 {}", "( {} )", "a; {}", "a | {}", "a && {}",
             "f() {{ {}\n}}",
             "echo $({})", 'echo "$({})"', "if a; then {}\nfi", "a\n{}", "a & {}", "x=$({})"]  # fmt: skip


@given(st.lists(st.sampled_from(WRAPPINGS), max_size=4))
def test_no_nesting_hides_a_forbidden_program(wrappings: list[str]) -> None:
    text = "rm x"
    for wrapping in wrappings:
        text = wrapping.format(text)
    assert ruling(text, "Bash(rm:*)") in ("deny", "ask")


@given(st.text("rm x'\"$()`\\;|&<>{}[]\n#~*!=-", max_size=30))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert ruling(text, "Bash") == "deny"
    assert ruling(text, "Bash(rm:*)") in ("deny", "ask", None)
