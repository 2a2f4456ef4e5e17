"""Gets what users choose into the file of last choices, behind the back of everything that waits."""

from __future__ import annotations

import logging
from pathlib import Path

import anyio
import anyio.to_thread

from acp_agent.base.errors import ConfigError
from acp_agent.sdk.last_choice import save_choices

logger = logging.getLogger(__name__)

SAVE_TIME = 1.0
"""Seconds a choice has to get to the disk."""


class ChoiceKeeper:
    """Writes choices to the file while `run` runs; `note` returns at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted: dict[str, str | bool] = {}  # not yet written
        self._more = anyio.Event()
        self._scope = anyio.CancelScope()

    def note(self, option_id: str, value: str | bool) -> None:
        """Remember that this was chosen."""
        self._noted[option_id] = value
        self._more.set()

    async def run(self) -> None:
        """Write what is noted until `stop`, and what is left then."""
        try:
            with self._scope:
                while True:
                    await self._more.wait()
                    self._more = anyio.Event()
                    await self._save()
        finally:
            await self._save()

    def stop(self) -> None:
        """Let `run` end."""
        self._scope.cancel()

    async def _save(self) -> None:
        noted, self._noted = self._noted, {}
        if not noted:
            return
        with anyio.move_on_after(SAVE_TIME, shield=True) as limit:
            try:
                await anyio.to_thread.run_sync(save_choices, self._path, noted, abandon_on_cancel=True)
            except ConfigError as exc:
                logger.warning("the last choice is not remembered: %s", exc)
        if limit.cancelled_caught:
            logger.warning("the last choice is not remembered: the disk took more than %.0f s", SAVE_TIME)
