"""Rules of a session made narrower for a part of its work, such as a subagent's. Never wider."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

from acp_agent.engine.permission.rules import Rules, Ruling, ToolUse


def narrowed(base: Rules, own: Rules, default: Ruling | None) -> Rules:
    """`base` as far as `own` goes along with it; `default` is for calls that `own` is not about."""
    if own == Rules() and default in (None, "allow"):
        return base
    return NarrowedRules(base.allow, base.ask + own.ask, base.deny + own.deny, base, own, default)


class NarrowedRules(Rules, frozen=True):
    """Made by `narrowed`. What `own` allows is for `base` to decide; what it does not allow stays so."""

    base: Rules = Rules()
    own: Rules = Rules()
    default: Ruling | None = None

    def joined(self, other: Rules) -> Rules:
        """The rules of both, narrowed as before."""
        return narrowed(self.base.joined(other), self.own, self.default)

    def judge(self, use: ToolUse, roots: Collection[PurePath]) -> Ruling | None:
        """What they say about this call."""
        ruling = self.base.judge(use, roots)
        own = self.own.judge(use, roots) or self.default
        if "deny" in (ruling, own):
            return "deny"
        return "ask" if own == "ask" else ruling
