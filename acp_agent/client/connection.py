"""A connection to an agent: requests out, sessions on top. Made by `Client.connect`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVarTuple

from anyio.abc import TaskGroup

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject
from acp_agent.client.dispatch import Dispatcher, forbid_in_handler, outside_the_loop
from acp_agent.client.errors import AgentLost, BadAgent
from acp_agent.client.sent import SentRequest
from acp_agent.client.session_builder import AttachedServer, SessionBuilder
from acp_agent.client.trail import Trail
from acp_agent.rpc.peer import Peer

ArgsT = TypeVarTuple("ArgsT")

ENDED = "the connection to the agent was closed"


class Connection:
    """An initialized agent.

    Attributes:
        agent: the result of `initialize`: `agentInfo`, `agentCapabilities`, `authMethods`.
    """

    def __init__(
        self,
        peer: Peer,
        dispatcher: Dispatcher,
        tasks: TaskGroup,
        trail: Trail,
        servers: tuple[AttachedServer, ...],
    ) -> None:
        self._peer = peer
        self._servers = servers
        self.agent: JsonObject = {}
        self.dispatcher = dispatcher
        self._tasks = tasks
        self._trail = trail
        self._open: set[SentRequest] = set()  # those that are not answered
        self._ended = False

    @property
    def capabilities(self) -> JsonObject:
        """The `agentCapabilities`; empty if the agent advertised none."""
        found = self.agent.get("agentCapabilities")
        return found if isinstance(found, dict) else {}

    def build_session(self, cwd: str | Path) -> SessionBuilder:
        """Describe a new session in this directory; nothing is sent yet."""
        return SessionBuilder(self, {"cwd": _absolute(cwd), "mcpServers": []}, servers=self._servers)

    def build_session_cwd(self) -> SessionBuilder:
        """The same in the process's working directory.

        Raises:
            OSError: there is none any more.
        """
        return self.build_session(Path.cwd())

    def build_session_from(self, request: JsonObject) -> SessionBuilder:
        """The same with the params of a `session/new` that somebody else sent, MCP servers included."""
        return SessionBuilder(self, request, servers=self._servers)

    def load_session(self, session_id: str, cwd: str | Path) -> SessionBuilder:
        """Describe a stored session to be opened with its history (`session/load`)."""
        given: JsonObject = {"sessionId": session_id, "cwd": _absolute(cwd), "mcpServers": []}
        return SessionBuilder(self, given, method="session/load", servers=self._servers)

    def resume_session(self, session_id: str, cwd: str | Path) -> SessionBuilder:
        """Describe a stored session to be gone on with, without its history (`session/resume`)."""
        given: JsonObject = {"sessionId": session_id, "cwd": _absolute(cwd), "mcpServers": []}
        return SessionBuilder(self, given, method="session/resume", servers=self._servers)

    def fork_session(self, session_id: str, cwd: str | Path) -> SessionBuilder:
        """Describe a new session that begins with another's history (`session/fork`)."""
        given: JsonObject = {"sessionId": session_id, "cwd": _absolute(cwd), "mcpServers": []}
        return SessionBuilder(self, given, method="session/fork", servers=self._servers)

    async def list_sessions(
        self, *, cwd: str | Path | None = None, cursor: str | None = None
    ) -> tuple[list[JsonObject], str | None]:
        """One page of the sessions the agent knows, and the cursor of the next page or None.

        Raises:
            RpcError: the agent refused.
            ConnectionLost: it is gone.
        """
        params: JsonObject = {}
        if cwd is not None:
            params["cwd"] = _absolute(cwd)
        if cursor is not None:
            params["cursor"] = cursor
        result = await self.request("session/list", params)
        listed, following = result.get("sessions"), result.get("nextCursor")
        if not isinstance(listed, list):
            raise self.bad("session/list", "a list of `sessions`")
        sessions = [entry for entry in listed if isinstance(entry, dict)]
        return sessions, following if isinstance(following, str) else None

    async def all_sessions(self, *, cwd: str | Path | None = None) -> AsyncIterator[JsonObject]:
        """The sessions the agent knows, page after page.

        Raises:
            RpcError, ConnectionLost: as `list_sessions`.
            BadAgent: a cursor led back to a page that was read.
        """
        seen: set[str | None] = {None}
        sessions, cursor = await self.list_sessions(cwd=cwd)
        while True:
            for session in sessions:
                yield session
            if cursor is None:
                return
            if cursor in seen:
                raise self.bad("session/list", "a new `nextCursor`")
            seen.add(cursor)
            sessions, cursor = await self.list_sessions(cwd=cwd, cursor=cursor)

    async def request(self, method: str, params: JsonObject) -> JsonObject:
        """Any request; a result that is null counts as empty. Cancelling the caller withdraws it.

        Raises:
            RpcError: the agent refused.
            AgentLost: it is gone; the error tells its last words.
            DispatchDeadlock: the caller is a handler that holds the dispatch loop.
        """
        forbid_in_handler(f"waiting for the answer to `{method}`")
        return await self.send_request(method, params)

    def send_request(self, method: str, params: JsonObject) -> SentRequest:
        """The same, sent at once without waiting.

        Raises:
            ConnectionLost: the connection was closed here.
        """
        self._check_open()
        request_id = self._peer.send(method, params)

        async def work() -> JsonObject:
            try:
                result = await self._peer.result_of(request_id)
            except ConnectionLost:
                raise self._trail.lost(f"was gone before it answered `{method}`") from None
            return result if isinstance(result, dict) else {}

        sent = SentRequest(method, work, self.dispatcher)
        self._open.add(sent)

        async def run() -> None:
            await sent.run()
            self._open.discard(sent)

        self._tasks.start_soon(run)
        return sent

    def end(self) -> None:
        """Take no more requests, and tell who waits for one; its client does this."""
        self._ended = True
        for sent in self._open:
            sent.give_up(ConnectionLost(ENDED))

    def lost(self, why: str) -> AgentLost:
        """An error that tells the agent's last words, for who gives it up; `why` goes on from its name."""
        return self._trail.lost(why)

    def bad(self, method: str, missing: str) -> BadAgent:
        """An error that tells what is missing in the agent's answer to `method`."""
        return self._trail.bad(method, missing)

    def notify(self, method: str, params: JsonObject) -> None:
        """Any notification; sent at once without waiting, and dropped if the agent is gone."""
        self._peer.notify(method, params)

    def spawn(self, work: Callable[[*ArgsT], Awaitable[None]], *args: *ArgsT) -> None:
        """Run `work` beside the dispatch loop; an exception it raises ends the connection.

        Raises:
            ConnectionLost: the connection was closed here.
        """
        self._check_open()

        async def run() -> None:
            outside_the_loop()
            await work(*args)

        self._tasks.start_soon(run)

    def _check_open(self) -> None:
        if self._ended:
            raise ConnectionLost(ENDED)


def _absolute(path: str | Path) -> str:
    """The protocol knows no relative paths."""
    return os.path.abspath(path)
