from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HELLO = "say: Hello there.\n"
WRITE = 'call: write {"path": "new.txt", "content": "text"}\n---\nsay: It said: {result}\n'


def run(
    *arguments: str, tmp_path: Path, script: str = HELLO, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    (tmp_path / "model.script").write_text(script, encoding="utf-8")
    keyless = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    return subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "acp_agent",
            *arguments,
        ],  # as the installed script runs
        cwd=project,
        env={
            **keyless,
            "ACP_AGENT_HOME": str(tmp_path / "home"),
            "ACP_AGENT_SCRIPT": str(tmp_path / "model.script"),
        },
        input=stdin,
        capture_output=True,
        text=True,
        timeout=50,
    )


def test_the_answer_is_on_stdout_and_nothing_else(tmp_path: Path) -> None:
    result = run("prompt", "hi", tmp_path=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "Hello there.\n", "")


def test_no_module_of_the_project_is_run(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("json", "acp_agent", "msgspec"):
        (project / f"{name}.py").write_text("print('planted')\nraise SystemExit(9)\n", encoding="utf-8")
    result = run("prompt", "hi", tmp_path=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "Hello there.\n", "")


def test_the_prompt_can_come_from_stdin(tmp_path: Path) -> None:
    result = run("prompt", "-", tmp_path=tmp_path, script="say: you said {prompt}\n", stdin="from a pipe")
    assert "you said from a pipe" in result.stdout


def test_without_a_terminal_permission_is_denied_and_the_remedy_named(tmp_path: Path) -> None:
    result = run("prompt", "go", tmp_path=tmp_path, script=WRITE)
    assert result.returncode == 0
    assert "--auto-approve" in result.stderr
    assert not (tmp_path / "project" / "new.txt").exists()


@pytest.mark.parametrize("option", [["--auto-approve"], ["--mode", "accept-edits"]])
def test_permission_can_be_given_in_advance(tmp_path: Path, option: list[str]) -> None:
    result = run("prompt", "go", *option, tmp_path=tmp_path, script=WRITE)
    assert result.returncode == 0
    assert (tmp_path / "project" / "new.txt").read_text() == "text"


def test_json_output_is_one_object_per_line_ending_with_the_stop_reason(tmp_path: Path) -> None:
    result = run("prompt", "hi", "--output-format", "json", tmp_path=tmp_path)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["type"] for line in lines[:-1]} == {"update"}
    assert lines[-1] == {"type": "stop", "stopReason": "end_turn"}


def test_a_failed_turn_is_reported_as_what_it_is(tmp_path: Path) -> None:
    result = run("prompt", "hi", tmp_path=tmp_path, script="error: 401 bad key\n")
    assert result.returncode == 1
    assert "401" in result.stderr
    assert "bad key" in result.stderr


def test_an_empty_prompt_is_a_usage_error(tmp_path: Path) -> None:
    assert run("prompt", "  ", tmp_path=tmp_path).returncode == 2


def test_an_agent_that_cannot_start_is_named(tmp_path: Path) -> None:
    result = run("prompt", "hi", "--agent", "no-such-agent --acp", tmp_path=tmp_path)
    assert result.returncode == 1
    assert "no-such-agent" in result.stderr


def test_an_agent_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    agent = tmp_path / "dying.py"
    agent.write_text("import sys\nprint('out of luck', file=sys.stderr)\nsys.exit(4)\n")
    result = run("prompt", "hi", "--agent", f"{sys.executable} {agent}", tmp_path=tmp_path)
    assert result.returncode == 1
    assert "out of luck" in result.stderr


def test_the_demonstration_really_happens(tmp_path: Path) -> None:
    result = run("demo", tmp_path=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "It answered 42" in result.stdout
    assert "allowed: Edit `greeting.py`" in result.stderr
