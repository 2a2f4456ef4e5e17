"""What a server says of itself unasked: which of its lists changed, and that it is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

import anyio

if TYPE_CHECKING:
    from mcp.client import ClientSession, IncomingMessage

logger = logging.getLogger(__name__)

Changed: TypeAlias = Literal["tools", "prompts", "roots"]
"""What is to be looked at again: two lists of the server, and the one it may have of us."""


class News:
    """Changes nobody has looked at yet. However many there were, each list is among them once."""

    def __init__(self, completed: Callable[[str], None]) -> None:
        self.ended = False
        self._completed = completed  # told of each page the user was sent to that has served its purpose
        self._changed: set[Changed] = set()
        self._some = anyio.Event()

    def note(self, changed: Changed) -> None:
        """Something is other than it was."""
        self._changed.add(changed)
        self._some.set()

    def end(self) -> None:
        """The server says nothing more."""
        self.ended = True
        self._some.set()

    async def wait(self) -> set[Changed]:
        """Return what changed once there is something, or once the server has `ended`."""
        await self._some.wait()
        self._some = anyio.Event()
        changed, self._changed = self._changed, set()
        return changed

    async def take(self, message: IncomingMessage) -> None:
        """Act on what a message of the server announces, if it does."""
        from mcp.types import (  # lazy: loaded before any message could come
            ElicitCompleteNotification,
            PromptListChangedNotification,
            ToolListChangedNotification,
        )

        if isinstance(message, ToolListChangedNotification):
            self.note("tools")
        elif isinstance(message, PromptListChangedNotification):
            self.note("prompts")
        elif isinstance(message, ElicitCompleteNotification):
            self._completed(message.params.elicitation_id)


async def follow(session: ClientSession) -> None:
    """Ask a server without a handshake to announce changes; they arrive as other messages do."""
    from mcp import MCPError  # lazy: loaded before any connection stood
    from mcp.client.subscriptions import SubscriptionLost, listen

    capabilities = session.server_capabilities
    if capabilities is None:
        return
    tools = bool(capabilities.tools and capabilities.tools.list_changed)
    prompts = bool(capabilities.prompts and capabilities.prompts.list_changed)
    if not tools and not prompts:
        return
    try:
        async with listen(session, tools_list_changed=tools, prompts_list_changed=prompts) as subscription:
            async for _ in subscription:
                logger.debug("an MCP server announced a change")
    except (MCPError, SubscriptionLost) as exc:
        logger.debug("changes of an MCP server are not followed any more: %s", exc)
