"""What lies around a session, looked at once for each turn."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import anyio

from acp_agent.model.surroundings import Surroundings

logger = logging.getLogger(__name__)

LookAround: TypeAlias = Callable[[tuple[Path, ...]], Awaitable[Surroundings]]
"""Finds what is around a session with these directories."""

LOOK_TIME = 2.0
"""Seconds that looking around may take; what was not found by then is found in a later turn."""


async def nothing_around(_roots: tuple[Path, ...]) -> Surroundings:
    """What is found where nobody looks."""
    return Surroundings()


class Lookout:
    """Looks with `look_around`, which may be replaced; `learn` is told of everything that was found."""

    def __init__(
        self,
        look_around: LookAround,
        roots: Callable[[], tuple[Path, ...]],
        learn: Callable[[Surroundings], None],
    ) -> None:
        self.look_around = look_around
        self._roots = roots
        self._learn = learn
        self._found: Surroundings | None = None
        self._has_looked = False
        self._looking = anyio.Lock(fast_acquire=True)  # or what was found first could come last

    def begin_turn(self) -> None:
        """Look anew when somebody asks next."""
        self._has_looked = False

    async def look(self) -> Surroundings | None:
        """What there is in this turn; None if looking took too long."""
        if not self._has_looked:
            await self.look_again()
        return self._found

    async def look_again(self) -> None:
        """Find out what there is now."""
        async with self._looking:
            found: Surroundings | None = None
            with anyio.move_on_after(LOOK_TIME):
                found = await self.look_around(self._roots())
        self._found, self._has_looked = found, True
        if found is None:
            logger.warning("looking for instructions, commands and agents took more than %s s", LOOK_TIME)
        else:
            self._learn(found)
