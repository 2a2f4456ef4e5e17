"""Which commands a session has at the moment, and telling its client: once, and whenever they change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

import anyio
from anyio.abc import TaskGroup

from acp_agent.engine.commands.builtin import BUILTINS
from acp_agent.engine.commands.prompts import find_prompt, prompt_commands
from acp_agent.engine.commands.slash import CalledCommand, call_in, collect
from acp_agent.model.command import CommandInfo, FoundCommands
from acp_agent.model.content import Content
from acp_agent.ports import ToolSource

OFFER_AFTER = 0.1
"""Seconds from the answer that opens a session to the list of its commands.

What clients are told of a session before they have dealt with that answer, they forget.
"""

FIND_TIME = 2.0
"""Seconds that looking for files may take; if they pass, the list stays what it was."""


class Offering:
    """The commands of one session. `find` looks for those in files and may be replaced."""

    def __init__(
        self,
        find: Callable[[], Awaitable[FoundCommands]],
        sources: Callable[[], Sequence[ToolSource]],
        announce: Callable[[tuple[CommandInfo, ...]], None],
    ) -> None:
        self.find = find
        self.commands = collect(BUILTINS, FoundCommands(), ())
        self._sources = sources
        self._announce = announce
        self._found = FoundCommands()
        self._client: Literal["none", "new", "ready"] = "none"  # only a ready one is told anything
        self._told: tuple[CommandInfo, ...] = ()
        self._welcomed = anyio.Event()
        self._doubted = anyio.Event()  # what there is may have changed
        self._looking = anyio.Lock(fast_acquire=True)  # or what was found first could come last

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
            await self.refresh()
            return self.commands.called_by(parts) or find_prompt(parts, self._sources())
        self._doubted.set()
        return None

    async def refresh(self) -> None:
        """Find out which there are now."""
        async with self._looking:
            with anyio.move_on_after(FIND_TIME):
                self._found = await self.find()
        self.commands = collect(BUILTINS, self._found, prompt_commands(self._sources()))
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
            await self.refresh()

    async def _tell_changes(self) -> None:
        while True:
            await self._doubted.wait()
            self._doubted = anyio.Event()
            await self.refresh()
