"""Whether recorded lines fit the protocol's schema."""

from __future__ import annotations

from collections.abc import Iterable

from acp_agent.conformance.agent_process import Line, Sender
from acp_agent.testing.frames import FrameValidator


def judge(log: Iterable[Line], sender: Sender, *, strict: bool = False) -> tuple[list[str], int]:
    """What is wrong with one side's messages, and how many were judged. Extensions may be anything."""
    validator = FrameValidator(unstable=True, strict=strict)
    problems: list[str] = []
    n_judged = 0
    for line in log:
        found = validator.feed(line.sender, line.raw)
        if line.sender == sender:
            n_judged += 1
            problems += found
    return problems, n_judged
