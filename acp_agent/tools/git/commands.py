"""The commands of the tool `git` as words for the program, and which of them only read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.ports import Workspace

Command: TypeAlias = Literal["status", "log", "branch", "checkout", "diff", "stash", "remote", "worktree"]

_EVERY_TIME = ("--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false")
_READING = (
    *("--no-optional-locks", "-c", f"core.hooksPath={os.devnull}", "-c", "log.showSignature=false"),
    *("-c", "format.pretty=medium", "-c", "diff.submodule=short"),  # others ask gpg, or run git elsewhere
    *("-c", "protocol.allow=never", "-c", "safe.bareRepository=explicit"),
)
_OWN_SUBMODULES = "--ignore-submodules=dirty"  # git would run in them, by their settings
_OWN_DIFF = ("--no-ext-diff", "--no-textconv")


class GitArgs(msgspec.Struct, frozen=True):
    """Arguments of `git`."""

    command: Annotated[Command, msgspec.Meta(description="What to do.")]
    subcommand: Annotated[
        str,
        msgspec.Meta(
            description="branch: list, create, delete. stash: list, show, push, pop, apply, drop. worktree: "
            "list, add, remove, prune. diff: staged. Left out, the first of them; for diff, what is not "
            "staged."
        ),
    ] = ""
    name: Annotated[str, msgspec.Meta(description="Branch to create or delete.")] = ""
    path: Annotated[
        str,
        msgspec.Meta(
            description="File or directory that status, log and diff are about, that checkout restores, or "
            "of the work tree."
        ),
    ] = ""
    ref: Annotated[
        str, msgspec.Meta(description="Commit, branch or range to look at, or to check out; or a stash.")
    ] = ""
    target: Annotated[str, msgspec.Meta(description="diff: the commit to compare `ref` with.")] = ""
    max_count: Annotated[int, msgspec.Meta(ge=1, le=200, description="log: commits to show.")] = 10
    message: Annotated[str, msgspec.Meta(description="stash push: what it holds.")] = ""
    include_untracked: Annotated[bool, msgspec.Meta(description="stash push: also new files.")] = False
    force: Annotated[bool, msgspec.Meta(description="Also if work would be lost.")] = False
    new_branch: Annotated[
        str, msgspec.Meta(description="checkout, worktree add: branch to create there.")
    ] = ""
    base: Annotated[str, msgspec.Meta(description="Where a new branch begins.")] = ""


class GitLine(msgspec.Struct, frozen=True):
    """One call of the program.

    Attributes:
        words: the program and its arguments, as a person would write them.
        reads: it only reads, as long as the repository's own settings name no program.
    """

    words: tuple[str, ...]
    reads: bool = False

    @property
    def safe_words(self) -> tuple[str, ...]:
        """The words with what keeps the repository's settings from starting programs."""
        options = (*_EVERY_TIME, *(_READING if self.reads else ()))
        # Given two paths outside of a repository, Git compares any two files; given a third, it refuses.
        more = self.words[-1:] if self.words[1] == "diff" else ()
        return (self.words[0], *options, *self.words[1:], *more)


def git_line(args: GitArgs, workspace: Workspace) -> GitLine:
    """The call that `args` ask for.

    Raises:
        ToolError: an argument is missing or cannot be used.
        PathOutsideWorkspace: the path is.
    """
    match args.command:
        case "status":
            _known(args, "")
            return _read("status", "--short", "--branch", _OWN_SUBMODULES, *_below(args, workspace))
        case "log":
            _known(args, "")
            shown = (f"--max-count={args.max_count}", "--date=iso", "--decorate", "--no-show-signature")
            return _read("log", *shown, *_ref(args.ref), *_path(args, workspace))
        case "diff":
            staged = ("--cached",) if _known(args, "", "staged") else ()
            refs = (*_ref(args.ref), *_ref(args.target, "target"))
            return _read("diff", *_OWN_DIFF, _OWN_SUBMODULES, *staged, *refs, *_below(args, workspace))
        case "remote":
            _known(args, "", "list")
            return _read("remote", "--verbose")
        case "branch":
            return _branch(args)
        case "checkout":
            return _checkout(args, workspace)
        case "stash":
            return _stash(args)
        case "worktree":
            return _worktree(args, workspace)


def _branch(args: GitArgs) -> GitLine:
    match _known(args, "list", "create", "delete"):
        case "create":
            return _write("branch", *_ref(_given(args, "name"), "name"), *_ref(args.base, "base"))
        case "delete":
            return _write("branch", "-D" if args.force else "-d", *_ref(_given(args, "name"), "name"))
        case _:
            return _read("branch", "--list", "--all", "--verbose")


def _checkout(args: GitArgs, workspace: Workspace) -> GitLine:
    _known(args, "")
    force = ("--force",) if args.force else ()
    if args.path:
        return _write("checkout", *_ref(args.ref), *_path(args, workspace))
    if args.new_branch:
        new = ("-b", *_ref(args.new_branch, "new_branch"))
        return _write("checkout", *force, *new, *(_ref(args.base, "base") or _ref(args.ref)))
    return _write("checkout", *force, *_ref(_given(args, "ref")), "--")


def _stash(args: GitArgs) -> GitLine:
    match _known(args, "list", "show", "push", "pop", "apply", "drop"):
        case "push":
            untracked = ("--include-untracked",) if args.include_untracked else ()
            message = (f"--message={args.message}",) if args.message else ()
            return _write("stash", "push", *untracked, *message)
        case "show":
            return _read("stash", "show", "--patch", *_OWN_DIFF, *_ref(args.ref))
        case "list":
            return _read("stash", "list")
        case action:
            return _write("stash", action, *_ref(args.ref))


def _worktree(args: GitArgs, workspace: Workspace) -> GitLine:
    match _known(args, "list", "add", "remove", "prune"):
        case "add":
            branch = ("-b", *_ref(args.new_branch, "new_branch")) if args.new_branch else ()
            place = str(workspace.resolve(_given(args, "path")))
            return _write("worktree", "add", *branch, place, *(_ref(args.base, "base") or _ref(args.ref)))
        case "remove":
            force = ("--force",) if args.force else ()
            return _write("worktree", "remove", *force, str(workspace.resolve(_given(args, "path"))))
        case "prune":
            return _write("worktree", "prune")
        case _:
            return _read("worktree", "list")


def _read(*words: str) -> GitLine:
    return GitLine(("git", *words), reads=True)


def _write(*words: str) -> GitLine:
    return GitLine(("git", *words))


def _known(args: GitArgs, *subcommands: str) -> str:
    """The subcommand that was asked for; the first of those there are if none was."""
    asked = args.subcommand or subcommands[0]
    if asked not in subcommands:
        known = ", ".join(f"`{name}`" for name in subcommands if name)
        raise ToolError(f"`subcommand`: `{args.command}` has {f'only {known}' if known else 'none'}")
    return asked


def _given(args: GitArgs, name: Literal["name", "path", "ref"]) -> str:
    value = {"name": args.name, "path": args.path, "ref": args.ref}[name]
    if not value:
        raise ToolError(f"`{name}`: `{args.command} {args.subcommand}`".rstrip(" `") + "` needs it")
    return value


def _ref(value: str, name: str = "ref") -> tuple[str, ...]:
    if not value:
        return ()
    if value.startswith("-") or not value.isprintable() or any(map(str.isspace, value)):
        raise ToolError(f"`{name}`: `{value}` names no commit or branch")
    return (value,)


def _path(args: GitArgs, workspace: Workspace) -> tuple[str, ...]:
    """What limits a command to a path, or nothing."""
    if not args.path:
        return ()
    path = workspace.resolve(args.path)
    return ("--", _as_seen(path, workspace.roots[0]))


def _below(args: GitArgs, workspace: Workspace) -> tuple[str, ...]:
    """The path, or the working directory: the repository may reach beyond it."""
    return _path(args, workspace) or ("--", ".")


def _as_seen(path: Path, cwd: Path) -> str:
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) else str(path)
