"""What the user says into a turn, kept until the turn's next model request takes it up."""

from __future__ import annotations

from acp_agent.base.ids import IdSource, MessageId
from acp_agent.model import events
from acp_agent.model.content import Content


class Steering:
    """The messages said into the turns of one session.

    A turn takes messages from the moment its prompt is accepted until it closes. Those it did not take up are
    recorded with its end, so that nothing that was accepted is missing from the history.
    """

    def __init__(self, new_id: IdSource) -> None:
        self._new_id = new_id
        self._waiting: list[events.UserSaid] = []
        self._closed = False  # the running turn takes no more

    def put(self, content: tuple[Content, ...], *, n_prompts: int) -> bool:
        """Say this into a turn; False if none of the prompts that are accepted and not ended takes it."""
        if n_prompts <= self._closed:
            return False
        self._waiting.append(events.UserSaid(MessageId(self._new_id("msg")), content))
        return True

    def take(self) -> events.UserSaid | None:
        """The next message, if there is one."""
        return self._waiting.pop(0) if self._waiting else None

    def close_if_empty(self) -> bool:
        """Close the running turn to messages unless some are waiting; whether it is closed."""
        self._closed = not self._waiting
        return self._closed

    def close(self) -> tuple[events.UserSaid, ...]:
        """Close the running turn to messages; what it did not take up."""
        self._closed = True
        waiting, self._waiting = self._waiting, []
        return tuple(waiting)

    def reopen(self) -> None:
        """The running turn has ended; messages are for the one after it."""
        self._closed = False
