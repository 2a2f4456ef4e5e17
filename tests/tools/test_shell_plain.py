"""Which lines are plain, what they say, and that bash reads them the same way."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acp_agent.model.permission import Access
from acp_agent.tools.shell.line import shell_access
from acp_agent.workspaces.local import LocalWorkspace

BASH = shutil.which("bash")
HERE = LocalWorkspace((Path(__file__).parent,))


def access(text: str) -> Access:
    return shell_access(text, HERE, posix=True)


def calls(text: str) -> list[tuple[str, ...]]:
    line = access(text).line
    assert line is not None
    return [call.words for call in line.calls]


def why_unclear(text: str) -> str:
    """Why it is not plain; checks that it is treated so."""
    judged = access(text)
    assert judged.line is not None
    assert (judged.effect, judged.line.calls, judged.line.canonical) == ("execute", (), "")
    assert judged.line.unclear
    return judged.line.unclear


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("npm test", [("npm", "test")]),
        ("  npm\ttest  ", [("npm", "test")]),
        ("""echo 'a b' "c d" e'f'"g"h""", [("echo", "a b", "c d", "efgh")]),
        ("echo '' \"\"", [("echo", "", "")]),
        ("'my program' x", [("my program", "x")]),
        ("make -j4 CC=gcc /x a@b,c:d+e%f", [("make", "-j4", "CC=gcc", "/x", "a@b,c:d+e%f")]),
        ("a 1 && b 2 || c 3; d 4 | e 5", [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")]),
        ("a&&b||c;d|e", [("a",), ("b",), ("c",), ("d",), ("e",)]),
        ("a;", [("a",)]),
        ("""echo '$(x) `y` > z ; * ~ #'""", [("echo", "$(x) `y` > z ; * ~ #")]),
        ("echo 'grüße 👋'", [("echo", "grüße 👋")]),
        ("echo don't \"it's\"'", []),
    ],
)  # fmt: skip
def test_a_plain_line_is_words_and_operators(text: str, expected: list[tuple[str, ...]]) -> None:
    assert calls(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        # substitutions: Cursor CVE-2025-54131 and many others
        ("echo $(rm x)", "command substitution"),
        ("echo `rm x`", "command substitution"),
        ('echo "$(rm x)"', "expansion"),
        ("cat <(rm x)", "process substitution"),
        ("tee >(rm x)", "process substitution"),
        # line breaks: Roo Code CVE-2025-54377
        ("ls\nrm x", "line break"),
        ("ls \\\nrm x", "line break"),
        ("ls\rrm x", "line break"),
        ("ls\r\nrm x", "line break"),
        ("echo 'a\nb'", "line break"),
        # expansions that execute or hide: Copilot CLI, Roo CVE-2025-58370, Claude CVE-2025-66032
        ("echo ${x@P}", "expansion"),
        ("echo ${x:=$(rm x)}", "expansion"),
        ("echo ${!x}", "expansion"),
        ("rm$IFS-rf$IFS/", "expansion"),
        ('echo "$HOME"', "expansion"),
        ("echo $((1+1))", "expansion"),
        ("ls ~", "expansion"),
        ("ls ~root/x", "expansion"),
        ("ls *", "expansion"),
        ("ls a?", "expansion"),
        ("ls [ab]", "expansion"),
        ("ls {a,b}", "expansion"),
        ("ls {1..3}", "expansion"),
        ("l\\s", "escape"),
        ('echo "a\\"b"', "escape"),
        ("echo $'\\x72m'", "escape"),
        # redirections: Claude CVE-2026-24053 and file descriptors
        ("ls > x", "redirection"),
        ("ls >| x", "redirection"),
        ("ls >> x", "redirection"),
        ("ls &> x", "redirection"),
        ("ls 2>&1", "redirection"),
        ("cat < x", "redirection"),
        ("cat <<< x", "redirection"),
        ("cat < /dev/tcp/evil/80", "redirection"),
        ("cat 3<> x", "syntax"),
        ("exec 3>x", "redirection"),
        # the environment is an argument: Cursor CVE-2026-22708
        ("PAGER=evil git log", "assignment"),
        ("A=b", "assignment"),
        ("a+=b x", "assignment"),
        ("export A=b", "assignment"),
        ("typeset -x A=b", "assignment"),
        ("declare A=b", "assignment"),
        ("unset A", "assignment"),
        # programs that run others: Claude 2.1.113
        *(
            (f"{name} ls", "runs others")
            for name in (
                *("env", "sudo", "doas", "timeout", "nice", "ionice", "nohup", "xargs", "command", "builtin"),
                *("exec", "stdbuf", "setsid", "busybox", "sh", "bash", "/bin/bash", "eval", "source", "."),
                *("ssh", "su", "script", "strace", "parallel", "watch", "chroot", "flock", "SUDO"),
            )
        ),
        ("find x -exec rm x ;", "runs others"),
        ("find x -exec rm x ';'", "runs others"),
        ("find x -okdir rm x +", "runs others"),
        ("fd x -x rm", "runs others"),
        # builtins that change the shell, or evaluate what they are given
        *(
            (f"{name} x", "changes the shell")
            for name in ("alias", "set", "shopt", "read", "printf", "test", "hash", "enable", "pushd", "let")
        ),
        # the rest of the language
        ("ls &", "more than simple"),
        ("ls & rm x", "more than simple"),
        ("ls |& cat", "more than simple"),
        ("(ls)", "subshell"),
        ("{ ls; }", "more than simple"),
        ("! ls", "more than simple"),
        ("if a; then b; fi", "more than simple"),
        ("for a in b; do c; done", "more than simple"),
        ("while a; do b; done", "more than simple"),
        ("case a in a) b;; esac", "more than simple"),
        ("f() { ls; }", "more than simple"),
        ("[ -f x ]", "more than simple"),
        ("[[ -f x ]]", "more than simple"),
        ("time ls", "shell's own"),
        ("coproc ls", "shell's own"),
        ("then ls", "shell's own"),
        ("'' x", "shell's own"),
        ("'a=b' c", "shell's own"),
        ("ls # rm", "comment"),
        ("a;;b", "more than simple"),
        ("ls ;; rm", "more than simple"),
        # what is no line at all
        ("", "no command"),
        (" ", "no command"),
        (";", "syntax"),
        ("a &&", "syntax"),
        ("&& a", "syntax"),
        ("echo 'a", "syntax"),
        ('echo "a', "syntax"),
        ("echo $(", "syntax"),
        ("ls )", "syntax"),
        # letters that look like others, or like nothing: Claude 2.1.223, Gemini 0.1.14
        ("ls \u202ex", "cannot be seen"),
        ("ls\u00a0x", "cannot be seen"),
        ("ls\u200b", "cannot be seen"),
        ("ls \x1b[2K", "cannot be seen"),
        ("ls \U000e0041", "cannot be seen"),
        ("ls \ud800", "cannot be seen"),
        ("ls é", "expansion or an escape"),
    ],
)
def test_everything_else_is_not_plain(text: str, why: str) -> None:
    assert why in why_unclear(text)


@pytest.mark.parametrize(
    ("text", "oversized"),
    [
        ("echo " + "x" * 9_995, False),
        ("echo " + "x" * 9_996, True),
        ("a;" * 50, False),
        ("a;" * 51, True),
        (f"sh -c '{'a;' * 60}'", True),
        ("$(" * 501, True),
        ("|" * 1_001, True),
    ],
)
def test_a_line_too_large_to_look_at_is_said_to_be_so(text: str, *, oversized: bool) -> None:
    line = access(text).line
    assert line is not None
    assert line.oversized is oversized
    if oversized:
        assert (line.calls, line.complete) == ((), False)
        assert "10000" in line.unclear


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("npm test", " npm  'test' ", True),
        ("a && b", "a&&b", True),
        ("a;", "a", True),
        ("a b", "'a b'", False),
        ("a && b", "a ; b", False),
        ("a && b", "a || b", False),
        ("a && b", "a '&&' b", False),
        ("a ''", "a", False),
        ("npm test", "npm test ''", False),
        ("npm test", "npm test &", False),
        ("npm test", "npm test; x", False),
    ],
)
def test_an_answer_for_good_is_about_one_command_however_it_is_written(
    one: str, other: str, *, same: bool
) -> None:
    assert (access(one).subject == access(other).subject) is same


PIECES = [*("x", "yy", "-o", "a=b", "'q r'", '"q r"', "''", "1", "@%+:,./", " ", " ", " ", "\t"),
          *(" && ", "&&", " || ", ";", "; ", "|")]  # fmt: skip
ODD_PIECES = [*"'\"\\$`#~*?[]{}()!^&<>é\n\r=\u00a0", "$x", "2>&1"]
ONLY_PLAIN = st.lists(st.sampled_from(PIECES), max_size=12)
WITH_ONE_ODD = st.tuples(ONLY_PLAIN, st.sampled_from(ODD_PIECES), ONLY_PLAIN).map(
    lambda parts: [*parts[0], parts[1], *parts[2]]
)
LINES = (ONLY_PLAIN | WITH_ONE_ODD).map(lambda pieces: "x" + "".join(pieces))


@given(LINES, LINES)
def test_lines_with_one_canonical_form_are_the_same(one: str, other: str) -> None:
    if access(one).subject == access(other).subject:
        assert calls(one) == calls(other)


@given(LINES)
def test_the_canonical_form_says_the_same(text: str) -> None:
    line = access(text).line
    assert line is not None
    if line.calls:
        again = access(line.canonical).line
        assert again is not None
        assert again.calls == line.calls
        assert again.canonical == line.canonical


DANGERS = ["$(x)", "`x`", "${x}", "$x", "<(x)", ">x", "<x", "2>&1", "\n", "\r", "&", "(x)", "\\x", "*", "~"]


@given(st.text("ab '\";|&-/", max_size=12), st.sampled_from(DANGERS), st.text("ab '\";|&-/", max_size=12))
def test_what_the_shell_would_work_out_is_never_allowed_unasked(before: str, danger: str, after: str) -> None:
    text = before + danger + after
    judged = access(text)
    assert judged.line is not None
    if judged.line.calls:  # then it was between single quotes, or between double quotes where they quote it
        assert any(danger in word for call in judged.line.calls for word in call.words)
    else:
        assert judged.effect == "execute"


PRINT_WORDS = """
command_not_found_handle() { printf '%s\\0' "$#" "$@"; }
PATH=/nowhere
"""


@pytest.mark.skipif(BASH is None, reason="there is no bash to compare with")
@given(LINES)
@example("x 'a' \"b\";yy")
def test_bash_reads_a_plain_line_the_same_way(text: str) -> None:
    expected = calls(text)
    names = "".join(words[0] for words in expected)
    if not expected or "|" in text or not set(names) <= set("xyo1-"):
        return  # alternatives and pipes print in another order, other names are not always looked up
    ran = subprocess.run(
        [str(BASH), "--norc", "-c", f"{PRINT_WORDS}{text}"], capture_output=True, check=False, timeout=20
    )
    printed = ran.stdout.decode().split("\0")[:-1]
    seen: list[tuple[str, ...]] = []
    while printed:
        n_words = int(printed.pop(0))
        seen.append(tuple(printed[:n_words]))
        del printed[:n_words]
    assert (seen, ran.stderr) == (expected, b"")
