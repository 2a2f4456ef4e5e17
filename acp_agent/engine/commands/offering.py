"""Which commands a session has at the moment, and telling its client: once, and whenever they change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

import anyio
from anyio.abc import TaskGroup

from acp_agent.engine.commands.builtin import BUILTINS
from acp_agent.engine.commands.prompts import find_prompt, prompt_commands
from acp_agent.engine.commands.slash import BuiltinCommand, CalledCommand, call_in, collect
from acp_agent.model.command import CommandInfo, FoundCommands
from acp_agent.model.content import Content
from acp_agent.ports import ToolSource

OFFER_AFTER = 0.1
"""Seconds from the answer that opens a session to the list of its commands.

What clients are told of a session before they have dealt with that answer, they forget.
"""


class Offering:
    """The commands of one session.

    `look` looks around once in a turn, `look_again` at once; both end in `learn`.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[object]],
        look_again: Callable[[], Awaitable[object]],
        sources: Callable[[], Sequence[ToolSource]],
        announce: Callable[[tuple[CommandInfo, ...]], None],
    ) -> None:
        self.own: tuple[BuiltinCommand, ...] = ()  # of the program that the agent is part of
        self._look = look
        self._look_again = look_again
        self.commands = collect(BUILTINS, FoundCommands(), ())
        self._sources = sources
        self._announce = announce
        self._client: Literal["none", "new", "ready"] = "none"  # only a ready one is told anything
        self._told: tuple[CommandInfo, ...] = ()
        self._welcomed = anyio.Event()
        self._doubted = anyio.Event()  # what there is may have changed

    def start(self, tasks: TaskGroup) -> None:
        """Keep the client informed for as long as `tasks` lives."""
        tasks.start_soon(self._tell_newcomers)
        tasks.start_soon(self._tell_changes)

    def welcome(self) -> None:
        """Tell a client that has just opened the session, soon."""
        self._client, self._told = "new", ()
        self._welcomed.set()

    def sources_changed(self) -> None:
        """Look again, soon, at the prompts that sources offer."""
        self._doubted.set()

    async def called_by(self, content: Iterable[Content]) -> CalledCommand | None:
        """The command that a prompt calls.

        A client that prompts is told what it does not know yet: before the turn if that is everything, and
        beside it if the prompt calls nothing and need not wait.
        """
        parts = tuple(content)
        is_new = self._client == "new"
        if is_new:
            self._client = "ready"
        if is_new or call_in(parts):
            await self._look()
            return self.commands.called_by(parts) or find_prompt(parts, self._sources())
        return None

    def learn(self, found: FoundCommands) -> None:
        """Offer what files hold by now, and what sources offer."""
        self.commands = collect((*BUILTINS, *self.own), found, prompt_commands(self._sources()))
        offered = self.commands.infos
        if self._client == "ready" and offered != self._told:
            self._told = offered
            self._announce(offered)

    async def _tell_newcomers(self) -> None:
        while True:
            await self._welcomed.wait()
            while self._welcomed.is_set():
                self._welcomed = anyio.Event()
                await anyio.sleep(OFFER_AFTER)
            self._client = "ready"
            await self._look_again()

    async def _tell_changes(self) -> None:
        while True:
            await self._doubted.wait()
            self._doubted = anyio.Event()
            await self._look_again()
