"""What the sources of a session's tools may know of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.model.question import Answer, Question
from acp_agent.ports.asking import ask_nobody


class MessageChannel(Protocol):
    """The connection to a client, as a way to MCP servers that the client is itself."""

    def new_request_id(self) -> str:
        """An id for `request`; no two requests over this connection have the same."""
        ...

    async def request(
        self,
        server_id: str,
        request_id: str,
        method: str,
        params: JsonObject | None,
        notified: Callable[[str, JsonObject], None],
    ) -> JsonObject:
        """What the server answered: an object with `result`, or one with `error`, which is an MCP error.

        `notified` is given method and params of what the server says before that. If the caller is cancelled,
        the client is told.

        Raises:
            ToolError: the client cannot reach the server.
            ConnectionLost: the client is gone.
        """
        ...


class ServerContext(msgspec.Struct, frozen=True):
    """What a source may know of its session, and tell it.

    Attributes:
        cwd: where a child process is started.
        channel: the way to servers that the client is.
        ask: asks the user outside of any call; never raises.
        visited: to be called when what a page was opened for is complete.
        roots: the directories the session may touch now.
        changed: to be called when the prompts or tools on offer are others than before.
    """

    cwd: Path
    channel: MessageChannel | None = None
    ask: Callable[[Question], Awaitable[Answer]] = ask_nobody
    visited: Callable[[str], None] = lambda visit_id: None
    roots: Callable[[], tuple[Path, ...]] = tuple
    changed: Callable[[], None] = lambda: None
