"""A requirement: what an agent has to do, where that is written, and the function that finds out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from acp_agent.conformance.stage import Stage

Level: TypeAlias = Literal["MUST", "SHOULD", "MAY", "quality"]

LEVELS: tuple[Level, ...] = ("MUST", "SHOULD", "MAY", "quality")
"""Strictest first. `quality` is asked by users and clients, not by the specification."""

Version: TypeAlias = Literal["v1", "v1 draft", "v2 draft"]
"""What asks it: the protocol as it stands, its unstable part, or the next version."""

Check: TypeAlias = "Callable[[Stage], Awaitable[int]]"
"""Tries a requirement on a stage and returns how many things it judged; 0 makes it inconclusive."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, of whomever.

    `section` names the place in the specification, `version` which one that is, `aliases` its names in the
    official test kit.
    """

    id: str
    level: Level
    text: str
    section: str
    aliases: tuple[str, ...] = ()
    version: Version = "v1"

    @property
    def area(self) -> str:
        """The first part of the id."""
        return self.id.partition(".")[0]


class Requirement(Demand, frozen=True, kw_only=True):
    """One requirement of an agent.

    `needs` are the advertised capabilities it is about, as dotted paths into the agent's answer to
    `initialize`.
    """

    check: Check
    needs: tuple[str, ...] = ()


def requirement(
    id: str,
    level: Level,
    *,
    section: str,
    needs: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    version: Version = "v1",
) -> Callable[[Check], Requirement]:
    """Make the check function below into a requirement; its docstring is the text."""

    def made(check: Check) -> Requirement:
        text = (check.__doc__ or "").strip()
        return Requirement(
            id=id,
            level=level,
            text=text,
            section=section,
            check=check,
            needs=needs,
            aliases=aliases,
            version=version,
        )

    return made
