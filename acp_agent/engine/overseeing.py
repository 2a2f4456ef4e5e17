"""Where a session's work meets those who watch over it: the seam, while `oversight.py` does the watching.

This module is loaded with every session and costs one look while nobody watches; `oversight.py`, with hooks,
limits and lanes, is loaded only for a session that has some.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from acp_agent.engine.permission.rules import ToolUse
from acp_agent.model import events
from acp_agent.model.session import ModelInfo, StopReason
from acp_agent.model.toolcall import ToolOutcome
from acp_agent.ports import Provider

if TYPE_CHECKING:
    from acp_agent.engine.watch import Watch


class Overseer(Protocol):
    """Whoever watches over a session: `Oversight` in `acp_agent/engine/oversight.py`."""

    def use(self, watch: Watch) -> None:
        """Watch as these settings say from now on."""
        ...

    @property
    def armed(self) -> bool:
        """Whether there is anybody to ask."""
        ...

    def watched(self, provider: Provider) -> Provider:
        """The provider, asking first if there is anybody to ask."""
        ...

    async def see_through(
        self, work: Callable[[], Awaitable[StopReason]], said: events.UserSaid
    ) -> StopReason:
        """Do the work that answers a prompt, within its limits."""
        ...

    async def before_call(self, use: ToolUse) -> str | None:
        """None if nobody objects to the call, else what the model is told. Asked before its permission."""
        ...

    async def before_run(self, use: ToolUse) -> str | None:
        """None if there is budget for the permitted call, else what the model is told."""
        ...

    async def run_call(self, use: ToolUse, run: Callable[[], Awaitable[ToolOutcome]]) -> ToolOutcome:
        """The outcome of a permitted call."""
        ...

    async def end(self) -> None:
        """The session ends."""
        ...


def on_watch(overseer: Overseer | None) -> Overseer | None:
    """The overseer if there is anybody to ask."""
    return overseer if overseer is not None and overseer.armed else None


def overseen(
    overseer: Overseer | None,
    opening: tuple[events.Event, ...],
    work: Callable[[], Awaitable[StopReason]],
) -> Callable[[], Awaitable[StopReason]]:
    """The work of a turn that begins so, watched if it is for the model and somebody watches."""
    if overseer is None or not overseer.armed:
        return work
    said = next((event for event in opening if isinstance(event, events.UserSaid)), None)
    return work if said is None else lambda: overseer.see_through(work, said)


def watched_model(
    overseer: Overseer | None, chosen: tuple[Provider, ModelInfo]
) -> tuple[Provider, ModelInfo]:
    """The provider that is to be asked, watched if somebody watches."""
    return chosen if overseer is None else (overseer.watched(chosen[0]), chosen[1])
