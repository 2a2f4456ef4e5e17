"""A rule of the registry: what it asks, and the function that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, ParamSpec, TypeAlias

from acp_agent.conformance.requirement import Level

P = ParamSpec("P")

Problems: TypeAlias = "Sequence[str] | None"
"""What is wrong; empty if nothing is, None if the rule is about something that is not there."""


class Rule(Generic[P]):
    """One rule; `text` says in a sentence what is asked."""

    def __init__(self, id: str, level: Level, check: Callable[P, Problems]) -> None:
        self.id = f"registry.{id}"
        self.level: Level = level
        self.text = (check.__doc__ or "").strip()
        self.check = check


def rule(id: str, level: Level = "MUST") -> Callable[[Callable[P, Problems]], Rule[P]]:
    """Make the check function below into a rule; its docstring is the text."""
    return lambda check: Rule(id, level, check)
