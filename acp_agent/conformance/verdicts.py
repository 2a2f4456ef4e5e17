"""How a check can end, and how it says so."""

from __future__ import annotations

from typing import Literal, TypeAlias

from acp_agent.base.errors import AcpAgentError

Verdict: TypeAlias = Literal["pass", "fail", "inconclusive", "skipped", "not-advertised"]

VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "inconclusive", "skipped", "not-advertised")
"""In the order in which reports count them."""


class NotPassed(AcpAgentError):
    """A check ended without passing; its text is the reason."""

    verdict: Verdict


class Broken(NotPassed):
    """The agent does not do what is required."""

    verdict: Verdict = "fail"


class Inconclusive(NotPassed):
    """The check saw nothing it could judge."""

    verdict: Verdict = "inconclusive"


class Skipped(NotPassed):
    """The check cannot be tried here."""

    verdict: Verdict = "skipped"


class NotAdvertised(NotPassed):
    """The agent does not offer what the check is about."""

    verdict: Verdict = "not-advertised"


def expect(kept: bool, reason: str) -> None:
    """Go on if `kept`.

    Raises:
        Broken: it is not; `reason` says what the agent did.
    """
    if not kept:
        raise Broken(reason)
