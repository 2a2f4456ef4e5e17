"""What the user chooses in one session, in the order it is asked for: judged, recorded, remembered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from acp_agent.engine.journal import Journal
from acp_agent.engine.options import Chosen, Option, accept, options_of
from acp_agent.engine.state import SessionState
from acp_agent.model import events
from acp_agent.model.session import ModelInfo


class Choices:
    """The options of a session.

    Args:
        offered: every model that is configured.
        inherited: what a new session starts with, by option id.
        save: called when mode or model, which its record holds, may have changed.
        remember: told whatever is chosen.
    """

    def __init__(
        self,
        journal: Journal,
        state: SessionState,
        *,
        offered: Callable[[], tuple[ModelInfo, ...]],
        inherited: Chosen,
        save: Callable[[], Awaitable[None]],
        remember: Callable[[str, str | bool], None],
    ) -> None:
        self._journal = journal
        self._state = state
        self._offered = offered
        self._save = save
        self._remember = remember
        self._order = anyio.Lock(fast_acquire=True)  # one choice at a time, in order of arrival
        # In the journal before any other choice, but in effect at once: the first answer shows it.
        self._inherited = tuple(events.OptionChanged(*choice) for choice in inherited.items())
        state.chosen.update(inherited)

    def options(self) -> tuple[Option, ...]:
        """What can be chosen now; which options there are depends on the model."""
        return options_of(self._state.mode, self.model, self.models(), self._state.chosen)

    def models(self) -> tuple[ModelInfo, ...]:
        """The models that can be chosen; the current one is always among them."""
        models, current = self._offered(), self._state.model
        if any(known.id == current for known in models):
            return models
        return (*models, ModelInfo(current, f"{current} (not configured)"))

    @property
    def model(self) -> ModelInfo:
        """The model that is asked next, as far as it is known."""
        return next(known for known in self.models() if known.id == self._state.model)

    async def make(self, option_id: str, value: str | bool) -> None:
        """Choose a value; it counts from the next call or step on.

        Each choice is judged by what those before it left.

        Raises:
            InvalidChoice: there is no such option (its field is then `option`), or it takes no such value.
        """
        async with self._order:
            await self.record_inherited()
            change = accept(self.options(), option_id, value)
            if change is not None:
                await self._journal.record(change)
                await self._save()
            self._remember(option_id, value)

    async def record_inherited(self) -> None:
        """Put what a new session started with into its journal, once."""
        inherited, self._inherited = self._inherited, ()
        await self._journal.record(*inherited)
