"""Which calls run, which are asked about and which are refused, as a program says it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePath
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.errors import FOREIGN_FAILURES
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.permission.rules import Rule, Rules, Ruling, ToolUse, parse_rule
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.given import Positive, converted
from acp_agent.sdk.embed.queue.config import Lane

logger = logging.getLogger(__name__)

RULINGS = ("allow", "ask", "deny")

Checker: TypeAlias = Callable[[str, JsonObject], Ruling]
"""Says of a tool and its arguments `allow`, `ask` or `deny`; one that raises has denied. It may not wait."""

TimeoutAction: TypeAlias = Literal["reject", "auto_approve"]


class PermissionPolicy(msgspec.Struct, kw_only=True):
    """Rules such as `Bash(npm test:*)` or `read`, and what holds where none applies.

    Deny comes before ask, ask before allow. Files that control other programs, such as those in `.git`, are
    asked about whatever the policy allows. With `enabled` false it says nothing, as if there were none.
    """

    allow: list[str] = []
    ask: list[str] = []
    deny: list[str] = []
    default_decision: Ruling = "ask"
    enabled: bool = True

    @classmethod
    def permissive(cls) -> PermissionPolicy:
        """Everything is allowed."""
        return cls(default_decision="allow")

    @classmethod
    def strict(cls) -> PermissionPolicy:
        """Everything is asked about."""
        return cls(default_decision="ask")

    @classmethod
    def of(cls, given: PermissionPolicy | Mapping[str, object]) -> PermissionPolicy:
        """The policy, also from a mapping of its fields, whose names may be in camel case.

        Raises:
            ConfigInvalid: it is none.
        """
        return converted(given, cls, "`permission_policy`")


class ConfirmationPolicy(msgspec.Struct, kw_only=True):
    """How calls that are asked about are confirmed by the program.

    With `enabled` false there is nobody to ask and they are refused. Without an answer within
    `default_timeout_ms` milliseconds `timeout_action` is taken. Calls of `yolo_lanes` are confirmed without
    asking: `query` are those that read, search and fetch, `execute` all others.
    """

    enabled: bool = True
    default_timeout_ms: Positive = 30_000
    timeout_action: TimeoutAction = "reject"
    yolo_lanes: list[Lane] = []

    @classmethod
    def of(cls, given: ConfirmationPolicy | Mapping[str, object]) -> ConfirmationPolicy:
        """The policy, also from a mapping of its fields, whose names may be in camel case.

        Raises:
            ConfigInvalid: it is none.
        """
        return converted(given, cls, "`confirmation_policy`")


class HostRules(Rules, frozen=True):
    """The rules of a session together with what its program says where none applies.

    `checker` is asked first; its `allow` does not lift a rule that denies.
    """

    default: Ruling | None = None
    checker: Checker | None = None

    def joined(self, other: Rules) -> Rules:
        """The rules of both."""
        both = super().joined(other)
        return HostRules(both.allow, both.ask, both.deny, self.default, self.checker)

    def judge(self, use: ToolUse, roots: Collection[PurePath]) -> Ruling | None:
        """What they say about this call."""
        ruling = super().judge(use, roots)
        if self.checker is None:
            return self.default if ruling is None else ruling
        checked = _checked(self.checker, use)
        return "deny" if ruling == "deny" else checked


def host_rules(
    base: Rules, policy: PermissionPolicy | None, checker: Checker | None, *, permissive: bool
) -> Rules:
    """The settings' rules with those of the program.

    Raises:
        ConfigInvalid: a rule or decision cannot be used.
    """
    if policy is None or not policy.enabled:
        default: Ruling | None = "allow" if permissive else None
        return HostRules(base.allow, base.ask, base.deny, default, checker) if default or checker else base
    return HostRules(
        (*base.allow, *_parsed(policy.allow)),
        (*base.ask, *_parsed(policy.ask)),
        (*base.deny, *_parsed(policy.deny)),
        "allow" if permissive else policy.default_decision,
        checker,
    )


def _checked(checker: Checker, use: ToolUse) -> Ruling:
    """What the checker says; one that fails, or says nothing clear, has denied."""
    try:
        said = checker(use.tool, use.arguments)
    except FOREIGN_FAILURES:
        logger.warning("the permission checker failed; `%s` is denied", use.tool, exc_info=True)
        return "deny"
    if said not in RULINGS:
        logger.warning("the permission checker said %r of `%s`, which is denied", said, use.tool)
        return "deny"
    return said


def _parsed(texts: Iterable[str]) -> tuple[Rule, ...]:
    try:
        return tuple(parse_rule(text, "session") for text in texts)
    except ValueError as exc:
        raise ConfigInvalid(f"`permission_policy`: a rule cannot be used: {exc}") from exc
