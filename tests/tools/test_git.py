"""`git`: what is asked about, what is not, and that looking starts nothing a repository names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from acp_agent.base.errors import PathOutsideWorkspace, ToolError
from acp_agent.model.content import Text
from acp_agent.ports import ToolContext
from acp_agent.tools.git.repository import may_start_programs
from acp_agent.tools.git.tool import GitTool

Ask = Callable[..., Awaitable[str]]

git = GitTool(posix=True)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX shell")

READING: tuple[dict[str, Any], ...] = (
    {"command": "status"},
    {"command": "log"},
    {"command": "diff"},
    {"command": "diff", "subcommand": "staged"},
    {"command": "diff", "ref": "HEAD~1", "target": "HEAD", "path": "a.txt"},
    {"command": "branch"},
    {"command": "stash"},
    {"command": "remote"},
    {"command": "worktree"},
)
CHANGING: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"command": "branch", "subcommand": "create", "name": "new", "base": "HEAD~1"},
        "git branch new 'HEAD~1'",
    ),
    ({"command": "branch", "subcommand": "delete", "name": "old"}, "git branch -d old"),
    ({"command": "branch", "subcommand": "delete", "name": "old", "force": True}, "git branch -D old"),
    ({"command": "checkout", "ref": "old"}, "git checkout old --"),
    ({"command": "checkout", "new_branch": "n", "base": "old"}, "git checkout -b n old"),
    ({"command": "checkout", "path": "a.txt", "ref": "HEAD"}, "git checkout HEAD -- a.txt"),
    (
        {"command": "stash", "subcommand": "push", "message": "it's mine", "include_untracked": True},
        "git stash push --include-untracked '--message=it'\"'\"'s mine'",
    ),
    ({"command": "stash", "subcommand": "pop", "ref": "stash@{0}"}, "git stash pop 'stash@{0}'"),
    ({"command": "worktree", "subcommand": "prune"}, "git worktree prune"),
)


def run_git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@b.invalid", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(root: Path) -> Path:
    """Two commits, a branch `old`, and a change that is not committed."""
    run_git(root, "init", "-q")
    (root / "a.txt").write_text("one\n", encoding="utf-8")
    run_git(root, "add", ".")
    run_git(root, "commit", "-qm", "first")
    run_git(root, "branch", "old")
    (root / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
    run_git(root, "commit", "-qam", "second")
    (root / "a.txt").write_text("one\ntwo\nthree\n", encoding="utf-8")
    return root


@pytest.mark.parametrize("args", READING, ids=str)
async def test_looking_is_reading(args: dict[str, Any], repository: Path, context: ToolContext) -> None:
    preview = await git.preview(args, context)
    assert (preview.kind, preview.access.effect) == ("read", "read")
    assert preview.access.paths == (str(repository),)
    assert preview.title.startswith(f"git {args['command']}")
    assert not (await git.run(args, context)).is_error


@pytest.mark.parametrize(("args", "command"), CHANGING, ids=str)
async def test_changing_is_asked_about_as_the_command_it_is(
    args: dict[str, Any], command: str, repository: Path, context: ToolContext
) -> None:
    preview = await git.preview(args, context)
    assert (preview.title, preview.kind) == (command, "execute")
    assert (preview.access.effect, preview.access.line and len(preview.access.line.calls)) == ("execute", 1)


async def test_what_git_says_is_what_the_model_reads(repository: Path, told: Ask) -> None:
    assert await told(git, command="status") == "## main\n M a.txt\n"
    assert "+three" in await told(git, command="diff")
    assert await told(git, command="diff", subcommand="staged") == "(no output)"
    assert "second" in await told(git, command="log", max_count=1)
    assert "first" not in await told(git, command="log", max_count=1)
    await told(git, command="stash", subcommand="push", message="mine")
    assert "mine" in await told(git, command="stash")
    await told(git, command="stash", subcommand="pop")
    await told(git, command="checkout", path="a.txt")
    await told(git, command="checkout", ref="old")
    assert (repository / "a.txt").read_text(encoding="utf-8") == "one\n"
    await told(git, command="checkout", new_branch="new", base="main")
    assert "* new" in await told(git, command="branch")


async def test_a_work_tree_is_made_within_the_workspace_only(
    repository: Path, context: ToolContext, told: Ask
) -> None:
    await told(git, command="worktree", subcommand="add", path="tree", new_branch="side")
    assert (repository / "tree/a.txt").exists()
    await told(git, command="worktree", subcommand="remove", path="tree", force=True)
    assert not (repository / "tree").exists()
    with pytest.raises(PathOutsideWorkspace):
        await git.preview({"command": "worktree", "subcommand": "add", "path": "../tree"}, context)


async def test_a_failure_is_told_as_one(repository: Path, context: ToolContext) -> None:
    outcome = await git.run({"command": "checkout", "ref": "nowhere"}, context)
    assert outcome.is_error
    assert isinstance(outcome.for_model[0], Text)
    assert "nowhere" in outcome.for_model[0].text


async def test_passwords_in_addresses_are_not_told(repository: Path, told: Ask) -> None:
    run_git(repository, "remote", "add", "origin", "https://me:secret@example.invalid/x.git")
    run_git(repository, "remote", "add", "other", "https://me:s@secret@example.invalid/y.git")
    said = await told(git, command="remote")
    assert "secret" not in said
    assert "https://***@example.invalid/x.git" in said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"command": "push"}, "`command`: invalid enum value 'push'"),
        ({"command": "branch", "subcommand": "rename"}, "`branch` has only `list`, `create`, `delete`"),
        ({"command": "status", "subcommand": "x"}, "`subcommand`: `status` has none"),
        ({"command": "branch", "subcommand": "create"}, "`name`: `branch create` needs it"),
        ({"command": "checkout"}, "`ref`: `checkout` needs it"),
        ({"command": "log", "ref": "--output=x"}, "`ref`: `--output=x` names no commit"),
        ({"command": "diff", "target": "a b"}, "`target`: `a b` names no commit"),
        ({"command": "log", "max_count": 0}, "`max_count`: expected int >= 1"),
    ],
)
async def test_arguments_that_cannot_work_are_named(
    args: dict[str, Any], message: str, context: ToolContext
) -> None:
    with pytest.raises(ToolError) as caught:
        await git.preview(args, context)
    assert message in str(caught.value)


async def test_on_windows_signs_of_its_shell_are_refused(context: ToolContext) -> None:
    windows = GitTool(posix=False)
    args: dict[str, Any] = {"command": "stash", "subcommand": "push", "message": "a & b"}
    with pytest.raises(ToolError, match="takes for its own"):
        await windows.preview(args, context)
    preview = await windows.preview({**args, "message": "a b"}, context)
    assert preview.title == 'git stash push "--message=a b"'


async def test_looking_starts_no_program_that_the_repository_names(
    repository: Path, context: ToolContext, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho run >> {canary}\ncat\n", encoding="utf-8")
    program.chmod(0o755)
    (repository / ".gitattributes").write_text("*.txt diff=evil\n", encoding="utf-8")
    for hook in ("post-index-change", "post-checkout", "reference-transaction"):
        (repository / ".git/hooks" / hook).parent.mkdir(exist_ok=True)
        (repository / ".git/hooks" / hook).symlink_to(program)
    for name in (
        *("core.fsmonitor", "core.pager", "diff.external", "diff.evil.command", "diff.evil.textconv"),
        *("gpg.program", "core.editor", "pager.log", "pager.status", "core.sshCommand", "credential.helper"),
    ):
        run_git(repository, "config", name, str(program))
    run_git(repository, "config", "log.showSignature", "true")
    canary.unlink(missing_ok=True)
    for args in READING:
        assert (await git.preview(args, context)).access.effect == "read"
        assert not (await git.run(args, context)).is_error
    assert not canary.exists()


@pytest.mark.parametrize(
    "settings",
    [
        '[filter "evil"]\n\tclean = ./evil\n',
        '[FILTER "evil"] clean = ./evil\n',
        '[core] [filter "evil"] clean = ./evil\n',
        "[core] worktree = /\n",
        "[include]\n\tpath = other\n",
        '[includeIf "gitdir:/"]\n\tpath = other\n',
        "[core]\n\tworktree = /\n",
        "[extensions]\n\tworktreeConfig = true\n",
        '[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = ext::evil\n',
        '[remote "origin"] promisor = true\n\turl = ext::evil\n[protocol "ext"] allow = always\n',
        "[core] [someday]\n\tprogram = ./evil\n",
    ],
)
async def test_a_repository_whose_settings_may_start_programs_is_asked_about(
    settings: str, repository: Path, context: ToolContext
) -> None:
    assert not may_start_programs(repository)
    config = repository / ".git/config"
    config.write_text(f"{config.read_text(encoding='utf-8')}{settings}", encoding="utf-8")
    assert (await git.preview({"command": "status"}, context)).access.effect == "execute"


def test_settings_that_cannot_be_found_count_as_starting_programs(root: Path) -> None:
    assert not may_start_programs(root)
    (root / "sub").mkdir()
    (root / "sub/.git").write_text("gitdir: ../elsewhere\n", encoding="utf-8")
    assert may_start_programs(root / "sub")
    (root / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    (root / "objects").mkdir()
    assert may_start_programs(root)
