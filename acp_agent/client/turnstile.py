"""The order of what goes one way: nothing is sent on before what came before it, however long that takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import anyio


class Place:
    """One message on its way: what it causes to be sent leaves when everything before it has."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile
        self.waiting: list[Callable[[], None]] = []
        self.is_settled = False
        self.has_passed = False
        self.passed = anyio.Event()

    def act(self, action: Callable[[], None]) -> None:
        """Do this in order: now, if nothing that came earlier is held. The first act settles the place."""
        if self.has_passed:
            action()
            return
        self.waiting.append(action)
        self.settle()

    def withdraw(self, action: Callable[[], None]) -> None:
        """Do not do it after all, unless it is done."""
        if action in self.waiting:
            self.waiting.remove(action)

    def settle(self) -> None:
        """Hold up nothing that came later."""
        self.is_settled = True
        self._turnstile.advance()


class Turnstile:
    """The places of messages that came and have not passed, in their order."""

    def __init__(self) -> None:
        self._places: deque[Place] = deque()

    def enter(self) -> Place:
        """The place of a message that has just come."""
        place = Place(self)
        self._places.append(place)
        return place

    def advance(self) -> None:
        """Let pass whoever need not wait any more."""
        while self._places and self._places[0].is_settled:
            place = self._places.popleft()
            for action in place.waiting:
                action()
            place.has_passed = True
            place.passed.set()

    async def emptied(self) -> None:
        """Return when everything that has come by now has passed."""
        if self._places:
            await self._places[-1].passed.wait()
