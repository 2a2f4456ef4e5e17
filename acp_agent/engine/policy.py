"""Who may do what: a pure, total function from mode, access and earlier answers to a verdict.

Rules in order; the first that applies decides. Denials come before everything a user can grant.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath
from typing import Literal, TypeAlias

import msgspec

from acp_agent.model.permission import Access, Choice, Decision
from acp_agent.model.session import ModeId

Verdict: TypeAlias = Literal["allow", "ask", "ask_each_time", "deny"]
"""`ask_each_time` cannot be remembered: the files in question make other programs run things."""

PROTECTED = frozenset(
    {
        *(".git", ".hg", ".svn", ".husky", ".github", ".gitlab-ci.yml", ".pre-commit-config.yaml"),
        *(".vscode", ".idea", ".zed", ".cursor", ".claude", ".codex", ".gemini", ".acp-agent", ".agents"),
        *(".mcp.json", "agents.md", "claude.md", "gemini.md", ".envrc", ".ssh", ".gnupg"),
        *(".bashrc", ".bash_profile", ".profile", ".zshrc", ".zshenv", ".zprofile", ".npmrc", ".netrc"),
    }
)
"""Names, in lower case, of files and folders that control other programs."""

CHOICES = (
    Choice("allow_once", "Allow"),
    Choice("allow_always", "Always allow this"),
    Choice("reject_once", "Reject"),
    Choice("reject_always", "Always reject this"),
)


CHOICES_ONCE = tuple(choice for choice in CHOICES if choice.id.endswith("_once"))


class Grants(msgspec.Struct):
    """What the user answered with "always" in this session."""

    allowed: set[str] = msgspec.field(default_factory=set[str])
    rejected: set[str] = msgspec.field(default_factory=set[str])


def decide(mode: ModeId, access: Access, grants: Grants, roots: Collection[PurePath]) -> Verdict:
    """Whether a call may run now, must be asked about, or must not run."""
    if access.effect in ("none", "read"):
        return "allow"
    if mode == "plan" or access.subject in grants.rejected:
        return "deny"
    if any(is_protected(path, roots) for path in access.paths):
        return "ask_each_time"
    if mode == "auto" or access.subject in grants.allowed:
        return "allow"
    if mode == "accept-edits" and access.effect == "write":
        return "allow"
    return "ask"


def denial(mode: ModeId) -> str:
    """Why `decide` said deny, for the model."""
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


def is_protected(path: str, roots: Collection[PurePath]) -> bool:
    """Whether any component of the path below its root is a protected name, whatever its case."""
    pure = PurePath(path)
    for root in roots:
        if pure.is_relative_to(root):
            pure = pure.relative_to(root)
            break
    return any(part.casefold() in PROTECTED for part in pure.parts)
