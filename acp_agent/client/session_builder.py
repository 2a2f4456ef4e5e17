"""What a session is to be, before it is asked for; and the four ways to start it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import anyio

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.active_session import ActiveSession
from acp_agent.client.dispatch import forbid_in_handler
from acp_agent.client.sent import Outcome

if TYPE_CHECKING:
    from acp_agent.client.connection import Connection

ResultT = TypeVar("ResultT")


class AttachedServer(Protocol):
    """An MCP server that lives in this process."""

    def attach(self, connection: Connection) -> AbstractAsyncContextManager[JsonObject]:
        """Serve it to the agent while the context lasts; yields its entry in `mcpServers`.

        The context may be left by another task than the one that entered it.
        """
        ...


class SessionBuilder:
    """The params of a session, and the servers of this process it shall have. Chainable, never changed.

    Use it as an async context manager, or with `run_until`, `start_session` or, inside a handler,
    `on_session_start`.
    """

    def __init__(
        self,
        connection: Connection,
        params: JsonObject,
        *,
        method: str = "session/new",
        servers: tuple[AttachedServer, ...] = (),
    ) -> None:
        self._connection = connection
        self._params = params
        self._method = method
        self._servers = servers
        self._entered: list[tuple[int, AsyncExitStack]] = []  # by which task

    def with_mcp_server(self, server: AttachedServer | JsonObject) -> SessionBuilder:
        """The same with one more MCP server: one of this process, or an `McpServer` object of the protocol.

        Raises:
            ValueError: the object has no name.
        """
        if not isinstance(server, dict):
            return self._with(self._params, (*self._servers, server))
        if not isinstance(server.get("name"), str) or not server.get("name"):
            raise ValueError("an MCP server needs a `name`")
        return self._with({**self._params, "mcpServers": [*_list(self._params.get("mcpServers")), server]})

    def with_directories(self, *directories: str | Path) -> SessionBuilder:
        """The same with more directories the session may touch."""
        known = _list(self._params.get("additionalDirectories"))
        more = [os.path.abspath(directory) for directory in directories]
        return self._with({**self._params, "additionalDirectories": [*known, *more]})

    def with_meta(self, meta: JsonObject) -> SessionBuilder:
        """The same with `_meta` for the agent."""
        return self._with({**self._params, "_meta": meta})

    def block_task(self) -> Self:
        """This builder: the word that marks, in other languages, that the caller waits for the session."""
        return self

    async def run_until(self, work: Callable[[ActiveSession], Awaitable[ResultT]]) -> ResultT:
        """Start the session, let `work` use it, and return what it returns.

        Servers of this process end with `work`; the session itself stays stored with the agent.

        Raises:
            RpcError, ConnectionLost, BadAgent: the session could not be started.
            DispatchDeadlock: the caller is a handler that holds the dispatch loop.
        """
        async with self._session() as session:
            return await work(session)

    async def __aenter__(self) -> ActiveSession:
        """Start the session; it is closed to reading when the context ends."""
        stack = AsyncExitStack()
        session = await stack.enter_async_context(self._session())
        self._entered.append((anyio.get_current_task().id, stack))
        return session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        here = anyio.get_current_task().id
        own = [number for number, (task, _) in enumerate(self._entered) if task == here]
        _, stack = self._entered.pop(own[-1] if own else -1)  # a context may be left by another task
        return await stack.__aexit__(kind, error, trace)

    async def start_session(self) -> ActiveSession:
        """Start the session and keep it until its `aclose`, or the end of the connection.

        Raises:
            RpcError, ConnectionLost, BadAgent: the session could not be started.
            DispatchDeadlock: the caller is a handler that holds the dispatch loop.
        """
        forbid_in_handler(f"starting a session with `{self._method}`")
        servers = AsyncExitStack()
        try:
            return await self._start(servers)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await servers.aclose()
            raise

    def on_session_start(self, callback: Callable[[ActiveSession], Awaitable[None]]) -> None:
        """Start the session without waiting: for handlers. `callback` runs beside the dispatch loop.

        No message of the session is lost or handled before its route stands. An exception of `callback`, or
        a refusal of the agent, ends the connection.
        """

        async def start() -> None:
            async with self._session() as session:
                await callback(session)

        self._connection.spawn(start)

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[ActiveSession, None]:
        session = await self.start_session()
        try:
            yield session
        finally:
            with anyio.CancelScope(shield=True):
                await session.aclose()

    async def _start(self, servers: AsyncExitStack) -> ActiveSession:
        """Attach the servers, send the request, and stand ready before anything of the session is handled."""
        connection = self._connection
        entries: list[JsonValue] = [
            await servers.enter_async_context(server.attach(connection)) for server in self._servers
        ]
        params: JsonObject = {
            **self._params,
            "mcpServers": [*_list(self._params.get("mcpServers")), *entries],
        }
        known_id = params.get("sessionId") if self._method in ("session/load", "session/resume") else None
        session: ActiveSession | None = None
        if isinstance(known_id, str):
            session = ActiveSession(connection, known_id, servers)  # its history comes before the answer
        sent = connection.send_request(self._method, params)

        async def take(outcome: Outcome) -> None:
            nonlocal session
            if not isinstance(outcome, dict):
                return
            session_id = outcome.get("sessionId", known_id)
            if session is None and isinstance(session_id, str):
                session = ActiveSession(connection, session_id, servers)
            if session is not None:
                session.response = outcome

        sent.on_result(take)
        try:
            await sent
        except BaseException:
            if session is not None:
                session.detach()
            raise
        if session is None:
            raise connection.bad(self._method, "a valid `sessionId`")
        return session

    def _with(self, params: JsonObject, servers: tuple[AttachedServer, ...] | None = None) -> SessionBuilder:
        chosen = self._servers if servers is None else servers
        return SessionBuilder(self._connection, params, method=self._method, servers=chosen)


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
