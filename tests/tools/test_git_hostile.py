"""`git` in repositories whose makers want it to run something or to show what is elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from acp_agent.base.jsontext import JsonValue
from acp_agent.ports import Tool, ToolContext
from acp_agent.tools.git.repository import may_start_programs
from acp_agent.tools.git.tool import GitTool
from tests.patience import PATIENCE

Ask = Callable[..., Awaitable[str]]

git = GitTool(posix=True)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX shell")


def run_git(folder: Path, *words: str, stdin: str = "") -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@b.invalid", "-c", "init.defaultBranch=main")
    command = ["git", *who, *words]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, input=stdin, encoding="utf-8"
    ).stdout.strip()


@pytest.fixture
def repository(root: Path) -> Path:
    """One commit."""
    run_git(root, "init", "-q")
    (root / "a.txt").write_text("one\n", encoding="utf-8")
    run_git(root, "add", ".")
    run_git(root, "commit", "-qm", "first")
    return root


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def program(tmp_path: Path, canary: Path) -> str:
    made = tmp_path / "program"
    made.write_text(f"#!/bin/sh\necho run >> '{canary}'\n", encoding="utf-8")
    made.chmod(0o755)
    return str(made)


def ran(canary: Path) -> bool:
    return canary.exists()


async def effect_of(tool: Tool, context: ToolContext, **args: JsonValue) -> str:
    return (await tool.preview(args, context)).access.effect


async def test_a_format_that_wants_signatures_checked_starts_no_program(
    repository: Path, context: ToolContext, told: Ask, canary: Path, program: str
) -> None:
    signed = (
        f"tree {run_git(repository, 'rev-parse', 'HEAD^{tree}')}\n"
        "author A <a@b.invalid> 1 +0000\ncommitter A <a@b.invalid> 1 +0000\n"
        "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\nsigned\n"
    )
    commit = run_git(repository, "hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)
    run_git(repository, "update-ref", "HEAD", commit)
    run_git(repository, "config", "format.pretty", "%h %G? %s")
    run_git(repository, "config", "gpg.program", program)
    assert await effect_of(git, context, command="log") == "read"
    assert "signed" in await told(git, command="log")
    assert not ran(canary)


async def test_the_difference_of_a_submodule_starts_no_program_it_names(
    repository: Path, context: ToolContext, told: Ask, canary: Path, program: str
) -> None:
    inner = repository / "sub"
    inner.mkdir()
    run_git(inner, "init", "-q")
    run_git(inner, "commit", "-q", "--allow-empty", "-m", "1")
    run_git(repository, "add", "sub")
    run_git(repository, "commit", "-qm", "with sub")
    (inner / "f").write_text("2\n", encoding="utf-8")
    run_git(inner, "add", "f")
    run_git(inner, "commit", "-qm", "2")
    run_git(inner, "config", "diff.external", program)
    run_git(repository, "config", "diff.submodule", "diff")
    assert await effect_of(git, context, command="diff") == "read"
    assert "Subproject commit" in await told(git, command="diff")
    assert not ran(canary)


async def test_settings_elsewhere_are_asked_about(repository: Path, context: ToolContext) -> None:
    shutil.copytree(repository / ".git", repository / "evil")
    with (repository / "evil/config").open("a", encoding="utf-8") as config:
        config.write('[filter "evil"]\n\tclean = ./evil\n')
    (repository / ".git/commondir").write_text("../evil\n", encoding="utf-8")
    assert run_git(repository, "config", "filter.evil.clean") == "./evil"
    assert await effect_of(git, context, command="status") == "execute"


async def test_a_folder_that_only_looks_like_a_repository_hides_none_above_it(
    repository: Path, context: ToolContext
) -> None:
    run_git(repository, "config", "filter.evil.clean", "./evil")
    (repository / "sub/.git").mkdir(parents=True)
    assert run_git(repository / "sub", "config", "filter.evil.clean") == "./evil"
    assert may_start_programs(repository / "sub")


async def test_a_pipe_in_place_of_settings_is_not_waited_for(repository: Path) -> None:
    (repository / ".git/config").unlink()
    os.mkfifo(repository / ".git/config")
    with anyio.fail_after(PATIENCE):
        found = await anyio.to_thread.run_sync(may_start_programs, repository, abandon_on_cancel=True)
    assert found


async def test_no_difference_is_told_of_files_outside(root: Path, tmp_path: Path, told: Ask) -> None:
    secret = tmp_path / "secret"
    secret.write_text("confidential\n", encoding="utf-8")
    (root / "secret").write_text("", encoding="utf-8")
    (root / "link").symlink_to(secret)
    for ref in (str(secret), "link", "../secret"):
        assert "confidential" not in await told(git, command="diff", ref=ref)
        assert "confidential" not in await told(git, command="diff", ref=ref, target="secret")


async def test_a_git_in_the_workspace_is_asked_about(
    repository: Path, context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = repository / ".venv/bin"
    planted.mkdir(parents=True)
    (planted / "git").write_text("#!/bin/sh\n", encoding="utf-8")
    (planted / "git").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(planted), os.environ["PATH"])))
    assert await effect_of(git, context, command="status") == "execute"
