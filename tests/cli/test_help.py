"""The command line itself: help, versions, exit codes, completion."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from acp_agent import __version__
from acp_agent.base.errors import ConfigError, StoreError
from acp_agent.cli.commands import COMMANDS
from acp_agent.cli.completion import script_for
from acp_agent.cli.exits import EXIT_CODES, run_command
from acp_agent.cli.main import main, overrides
from acp_agent.cli.parser import make_parser
from acp_agent.cli.style import Style, style_for
from acp_agent.sdk.settings.overrides import CLI_NAMES


def run(*arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would, with a home of its own."""
    return subprocess.run(
        [sys.executable, "-m", "acp_agent", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        stdin=subprocess.DEVNULL,
        env={
            "PATH": os.environ["PATH"],
            "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),
            "ACP_AGENT_HOME": str(home),
            "PYTHONUTF8": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **env,
        },
    )


def test_help_lists_every_command_with_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"  {command.name}" in text for command in COMMANDS)
    assert all(f"  {code:<5}{meaning}" in text for code, meaning in EXIT_CODES)
    assert "examples:" in text


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"usage: acp-agent {command}" in text
    assert "examples:" in text


@pytest.mark.parametrize(
    ("command", "line"), [(command.name, line) for command in COMMANDS for line, _ in command.examples]
)
def test_every_example_parses(command: str, line: str) -> None:
    found = re.search(r"acp-agent(?: ([^|)]*))?", line)
    assert found
    args = make_parser().parse_args(shlex.split(found[1] or ""))
    assert (args.command or "serve") == command


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["serve", "--nonsense"],
        ["serve", "--mod", "x"],
        ["serve", "--mode", "yolo"],
        ["editor-config"],
        ["editor-config", "notepad"],
        ["completion", "tcsh"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: acp-agent" in capsys.readouterr().err


def test_options_of_serve_become_settings() -> None:
    args = make_parser().parse_args(
        shlex.split("serve -m a/b --mode plan --store memory: --script s --config c --log-level debug")
    )
    given = overrides(args)
    assert given == {
        "model": "a/b",
        "mode": "plan",
        "store": "memory:",
        "script": "s",
        "config": "c",
        "log_level": "debug",
    }
    assert set(given) == set(CLI_NAMES)


def test_errors_become_one_line_a_hint_and_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong_setting() -> int:
        raise ConfigError("`x` is wrong", hint="set it right")

    def broken_store() -> int:
        raise StoreError("disk full")

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert run_command(wrong_setting) == 3
    assert capsys.readouterr().err == "acp-agent: `x` is wrong\nhint: set it right\n"
    assert run_command(broken_store) == 1
    assert capsys.readouterr().err == "acp-agent: disk full\n"
    assert run_command(interrupted) == 130


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_loads_nothing(flag: str, tmp_path: Path) -> None:
    result = run(flag, home=tmp_path)
    assert (result.returncode, result.stdout) == (0, f"acp-agent {__version__}\n")
    code = (
        f"import sys; sys.argv = ['acp-agent', {flag!r}]\nfrom acp_agent.__main__ import main\nmain()\n"
        "print(*sorted({'argparse', 'msgspec', 'anyio'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert loaded.stdout == f"acp-agent {__version__}\n\n"


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_reader_who_has_seen_enough_causes_no_traceback(shell: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "acp_agent", "completion", shell],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
        )
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


def test_trust_shows_lists_and_removes(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / ".acp-agent").mkdir(parents=True)
    home = tmp_path / "home"
    missing = run("trust", str(tmp_path), home=home)
    assert (missing.returncode, missing.stdout) == (3, "")
    assert "there is nothing to trust" in missing.stderr
    settings = project / ".acp-agent" / "config.toml"
    settings.write_text('mode = "plan" # \x9b31m\n'.replace("\x9b", "\u202e"), "utf-8")
    trusted = run("trust", str(project), home=home)
    assert trusted.returncode == 0
    assert '    mode = "plan" # \\u202e31m' in trusted.stdout
    assert run("trust", "--list", home=home).stdout == f"{os.path.realpath(project)}\n"
    assert run("trust", "--remove", str(project), home=home).returncode == 0
    again = run("trust", "--remove", str(project), home=home)
    assert (again.returncode, again.stdout) == (1, "")
    assert run("trust", "--list", home=home).stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(shell: str) -> None:
    script = script_for(shell)
    for command in COMMANDS:
        assert command.name in script
        for option in command.options:
            assert f"--{option.name}" in script or f"-l {option.name}" in script
            assert all(choice in script for choice in option.choices)
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=30)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["acp-agent", "do"], ["doctor"]),
        (["acp-agent", "serve", "--mode", "a"], ["ask", "accept-edits", "auto"]),
        (["acp-agent", "serve", "--st"], ["--store"]),
        (["acp-agent", "editor-config", "z"], ["zed"]),
        (["acp-agent", "completion", ""], ["bash", "zsh", "fish"]),
        (["acp-agent", "trust", ""], ["folder"]),
        (["acp-agent", "serve", "--script", ""], ["file", "folder"]),
        (["acp-agent", "serve", "--model", ""], []),
        (["acp-agent", "sessions", "ex"], ["export"]),
        (["acp-agent", "sessions", "import", ""], ["file", "folder"]),
    ],
)
def test_bash_completes(words: list[str], expected: list[str], tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        return  # completion for a shell that is not here helps nobody
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        script_for("bash") + f"\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _acp_agent\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    result = subprocess.run(
        [bash, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    )
    assert sorted(result.stdout.split()) == sorted(expected)


def test_color_only_where_it_can_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert Style(enabled=True).paint("x", "red") == "\x1b[31mx\x1b[0m"
    assert Style(enabled=False).paint("x", "red") == "x"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert style_for(Terminal(), {"TERM": "xterm"}).enabled
    assert not style_for(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}).enabled
    assert not style_for(Terminal(), {"TERM": "dumb"}).enabled
    assert not style_for(sys.stdout, {"TERM": "xterm"}).enabled
