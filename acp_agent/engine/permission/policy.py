"""Who may do what: a pure, total function from mode, access, rules and earlier answers to a verdict.

The first that applies decides: what is denied, protected files, what is to be asked about, what is allowed.
Denials come before everything a user can grant, and no mode lifts them.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath
from typing import Literal, TypeAlias

import msgspec

from acp_agent.engine.permission.rules import Ruling
from acp_agent.model.permission import Access, Choice, Decision
from acp_agent.model.session import ModeId

Verdict: TypeAlias = Literal["allow", "ask", "ask_each_time", "deny"]
"""`ask_each_time` is not to be remembered: rules want it so, the files in question make other programs run
things, or nobody can say for sure what the command does."""

PROTECTED = frozenset(
    {
        *(".git", "git~1", ".gitconfig", ".gitmodules", ".hg", ".svn", ".husky", ".github", ".gitlab-ci.yml"),
        *(".pre-commit-config.yaml", ".vscode", ".idea", ".zed", ".fleet", ".devcontainer", ".cursor"),
        *(".cursorrules", ".windsurf", ".windsurfrules", ".clinerules", ".roo", ".kiro", ".claude", ".codex"),
        *(".gemini", ".goose", ".opencode", ".a3s", ".agents", ".acp-agent", "acp-agent"),
        *(".config", ".local"),
        *(".mcp.json", "agents.md", "claude.md", "gemini.md", ".envrc", ".ssh", ".gnupg", ".ripgreprc"),
        *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".inputrc"),
        *(".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout"),
        *(".npmrc", ".yarnrc", ".yarnrc.yml", ".netrc"),
    }
)
"""Names, in lower case, of files and folders that control other programs, or this one."""

MAX_LABEL = 60
"""Characters of a choice's label."""

CHOICES_ONCE = (Choice("allow_once", "Allow"), Choice("reject_once", "Reject"))
"""What can be answered where nothing is to be remembered."""


class Grants(msgspec.Struct):
    """What the user answered with "always" in this session."""

    allowed: set[str] = msgspec.field(default_factory=set[str])
    rejected: set[str] = msgspec.field(default_factory=set[str])


def decide(
    mode: ModeId,
    access: Access,
    grants: Grants,
    roots: Collection[PurePath],
    ruling: Ruling | None = None,
) -> Verdict:
    """Whether a call may run now, must be asked about, or must not run."""
    only_reads = access.effect in ("none", "read")
    if ruling == "deny" or access.subject in grants.rejected:
        return "deny"
    if mode == "plan" and not only_reads:
        return "deny"
    if not only_reads and any(is_protected(path, roots) for path in access.paths):
        return "ask_each_time"
    line = access.line
    if ruling == "ask" or (line is not None and line.oversized):
        return "ask_each_time"
    if only_reads or mode == "auto" or ruling == "allow":
        return "allow"
    if line is not None and not line.calls:
        return "ask_each_time"
    if access.subject in grants.allowed or (mode == "accept-edits" and access.effect == "write"):
        return "allow"
    return "ask"


def choices(verdict: Verdict, access: Access) -> tuple[Choice, ...]:
    """What the user can answer; the labels say what an "always" covers."""
    if verdict != "ask":
        return CHOICES_ONCE
    allow, reject = CHOICES_ONCE
    covered = _covered(access)
    return (
        allow,
        Choice("allow_always", f"Always allow {covered}"),
        reject,
        Choice("reject_always", f"Always reject {covered}"),
    )


def denial(mode: ModeId, ruling: Ruling | None = None) -> str:
    """Why `decide` said deny, for the model."""
    if ruling == "deny":
        return (
            "A permission rule of the user forbids this call. Do not try to reach the same end in another "
            "way; go on without it or ask."
        )
    if mode == "plan":
        return (
            "Plan mode is read-only: nothing was changed and nothing was run. Finish exploring, then present "
            "the plan; the user switches the mode when it may be carried out."
        )
    return "The user has rejected this for the whole session. Do not try it again; find another way or ask."


def remember(grants: Grants, subject: str, decision: Decision) -> None:
    """Keep an "always" answer."""
    if decision == "allow_always":
        grants.allowed.add(subject)
    elif decision == "reject_always":
        grants.rejected.add(subject)


def forget(grants: Grants, subject: str) -> None:
    """Drop the "always" answers about `subject`."""
    grants.allowed.discard(subject)
    grants.rejected.discard(subject)


def is_protected(path: str, roots: Collection[PurePath]) -> bool:
    """Whether any component of the path below its root is a protected name, in any spelling a disk takes."""
    pure = PurePath(path)
    for root in roots:
        if pure.is_relative_to(root):
            pure = pure.relative_to(root)
            break
    return any(_on_disk(part) in PROTECTED for part in pure.parts)


def _on_disk(name: str) -> str:
    """What some disks take the name for: without case, invisible characters, and dots at its end."""
    if not name.isprintable():
        name = "".join(char for char in name if char.isprintable())
    return name.casefold().rstrip(". ")


def _covered(access: Access) -> str:
    """What an "always" remembers; in words if it does not fit or could pass for something else."""
    exact, general = access.subject, "this"
    if access.line is not None:
        exact, general = access.line.canonical, "this exact command"
    elif access.effect == "write":
        exact, general = "", "all edits"
    fits = 0 < len(exact) <= MAX_LABEL - len("Always reject ``")
    return f"`{exact}`" if fits and exact.isprintable() and "`" not in exact else general
