"""A client: what it serves to an agent, and `connect`, which makes a connection of it.

async with Client().start(["acp-agent"]) as agent, agent.build_session_cwd() as session:
    print(await session.prompt("What is 2 + 2?"))
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, overload

import anyio

import acp_agent
from acp_agent.base.errors import ConnectionLost
from acp_agent.base.groups import one_error
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.connection import Connection
from acp_agent.client.dispatch import (
    Dispatcher,
    NotificationEntry,
    NotificationHandler,
    Passed,
    RequestEntry,
    RequestHandler,
    Responder,
)
from acp_agent.client.files import LocalFiles
from acp_agent.client.messages import CreateElicitation, Message, MessageT, RequestPermission
from acp_agent.client.permission import Chooser, cancel_all, outcome
from acp_agent.client.process import start_agent
from acp_agent.client.session_builder import AttachedServer
from acp_agent.client.terminals import LocalTerminals
from acp_agent.client.trail import Trail
from acp_agent.rpc.errors import INTERNAL_ERROR, RpcError
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Peer, Tap
from acp_agent.rpc.transport import Transport

logger = logging.getLogger(__name__)

PROTOCOL_VERSION = 1

HELLO_TIME = 60.0
"""Seconds an agent gets to answer `initialize`."""


GOODBYE_TIME = 3.0
"""Seconds the servers of this process get to end with their connection, and our last messages to leave."""


class Client:
    """What an agent may ask of its client. Reusable: each `connect` is a connection of its own.

    Args:
        name: what we call ourselves towards the agent.
        permissions: answers permission requests; by default every request is cancelled.
        files: serves reading and writing; without, neither is advertised.
        terminals: serves terminals; without, none are advertised.
        capabilities: `clientCapabilities` beyond those that follow from what is served.
        mcp_servers: servers of this process that every session of every connection gets.
        hello_time: seconds an agent gets to answer `initialize`.
    """

    def __init__(
        self,
        *,
        name: str = "acp-agent",
        permissions: Chooser = cancel_all,
        files: LocalFiles | None = None,
        terminals: LocalTerminals | None = None,
        capabilities: JsonObject | None = None,
        mcp_servers: Sequence[AttachedServer] = (),
        hello_time: float = HELLO_TIME,
    ) -> None:
        self._name = name
        self._files = files
        self._terminals = terminals
        self._given = capabilities or {}
        self._servers = tuple(mcp_servers)
        self._hello_time = hello_time
        self._requests: list[RequestEntry] = []
        self._notifications: list[NotificationEntry] = []
        self._permissions = RequestEntry(RequestPermission, _permission_handler(permissions), concurrent=True)

    @overload
    def on_request(
        self, message: type[MessageT], *, concurrent: bool = False
    ) -> Callable[
        [Callable[[MessageT, Responder, Connection], Awaitable[JsonValue | Passed]]],
        Callable[[MessageT, Responder, Connection], Awaitable[JsonValue | Passed]],
    ]: ...

    @overload
    def on_request(
        self, message: str, *, concurrent: bool = False
    ) -> Callable[
        [Callable[[JsonObject, Responder, Connection], Awaitable[JsonValue | Passed]]],
        Callable[[JsonObject, Responder, Connection], Awaitable[JsonValue | Passed]],
    ]: ...

    def on_request(self, message: type[Message] | str, *, concurrent: bool = False) -> Any:
        """Register a handler of requests: `async def handler(request, responder, connection)`.

        `message` is one of `acp_agent.client.messages`, a method's name, or `"*"`. The handler returns
        the result, or answers through `responder`, or raises `RpcError`, or returns `PASS_ON` to leave the
        request to the next handler. One that does none of these makes the answer an internal error. It holds
        the dispatch loop until it returns, unless it is `concurrent`.
        """

        def register(handler: RequestHandler) -> RequestHandler:
            self._requests.append(RequestEntry(message, handler, concurrent))
            return handler

        return register

    @overload
    def on_notification(
        self, message: type[MessageT]
    ) -> Callable[
        [Callable[[MessageT, Connection], Awaitable[Passed | None]]],
        Callable[[MessageT, Connection], Awaitable[Passed | None]],
    ]: ...

    @overload
    def on_notification(
        self, message: str
    ) -> Callable[
        [Callable[[JsonObject, Connection], Awaitable[Passed | None]]],
        Callable[[JsonObject, Connection], Awaitable[Passed | None]],
    ]: ...

    def on_notification(self, message: type[Message] | str) -> Any:
        """Register a handler of notifications: `async def handler(note, connection)`.

        What it returns `PASS_ON` for goes on to the next handler and, if it is an update, to its session.
        """

        def register(handler: NotificationHandler) -> NotificationHandler:
            self._notifications.append(NotificationEntry(message, handler))
            return handler

        return register

    @property
    def capabilities(self) -> JsonObject:
        """The `clientCapabilities`: what is served, and what was given beyond that."""
        found: JsonObject = {}
        if self._files is not None:
            found["fs"] = {"readTextFile": True, "writeTextFile": self._files.writable}
        if self._terminals is not None:
            found["terminal"] = True
        if any(entry.message in (CreateElicitation, CreateElicitation.METHOD) for entry in self._requests):
            found["elicitation"] = {"form": {}, "url": {}}
        return {**found, **self._given}

    @asynccontextmanager
    async def connect(
        self, transport: Transport, *, tap: Tap | None = None
    ) -> AsyncGenerator[Connection, None]:
        """Introduce ourselves to the agent behind `transport`; disconnects when the context ends.

        `tap` observes every line.

        Raises:
            RpcError: the agent refused to be initialized.
            AgentLost: it went away first, or did not answer within `HELLO_TIME`.
            BadAgent: it speaks no version of the protocol that we do.
        """
        trail = Trail(transport)

        def watch(direction: Literal["in", "out"], line: bytes) -> None:
            trail.tap(direction, line)
            if tap is not None:
                tap(direction, line)

        with one_error():
            async with anyio.create_task_group() as tasks:
                defaults = [self._permissions]
                for service in (self._files, self._terminals):
                    defaults += [] if service is None else service.open(tasks)
                dispatcher = Dispatcher(self._requests, self._notifications, defaults)
                peer = Peer(
                    trail,
                    admission=dispatcher.admit,
                    error_from=_to_rpc,
                    at_once=dispatcher.take_at_once,
                    tap=watch,
                )

                async def serve() -> None:
                    await peer.serve()
                    await dispatcher.lose(trail.lost("is gone"))

                connection = Connection(peer, dispatcher, tasks, trail, self._servers)
                dispatcher.serve(connection)
                tasks.start_soon(serve)
                connection.agent = await self._hello(peer, trail)
                try:
                    yield connection
                finally:
                    with anyio.CancelScope(shield=True), anyio.move_on_after(GOODBYE_TIME):
                        await dispatcher.aclose()
                        await peer.flush()
                    connection.end()
                tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def start(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        tap: Tap | None = None,
    ) -> AsyncGenerator[Connection, None]:
        """Run an agent's command and introduce ourselves; it is ended with the context.

        Raises:
            AgentNotStarted: the command cannot be run.
            RpcError, AgentLost, BadAgent: as `connect`.
        """
        async with (
            start_agent(command, cwd=cwd, env=env) as transport,
            self.connect(transport, tap=tap) as connection,
        ):
            yield connection

    @asynccontextmanager
    async def connect_in_memory(
        self, serve: Callable[[Transport], Awaitable[None]], *, tap: Tap | None = None
    ) -> AsyncGenerator[Connection, None]:
        """Introduce ourselves to an agent of this process: `serve` serves one client over a transport.

        Raises:
            RpcError, AgentLost, BadAgent: as `connect`.
        """
        near, far = memory_transport_pair()

        async def run() -> None:
            try:
                await serve(far)
            finally:
                await far.aclose()

        with one_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                async with self.connect(near, tap=tap) as connection:
                    yield connection
                tasks.cancel_scope.cancel()

    async def _hello(self, peer: Peer, trail: Trail) -> JsonObject:
        params: JsonObject = {
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": self.capabilities,
            "clientInfo": {"name": self._name, "version": acp_agent.__version__},
        }
        try:
            answer = await peer.request("initialize", params, timeout=self._hello_time)
        except ConnectionLost:
            raise trail.lost("ended before it answered `initialize`") from None
        except TimeoutError:
            raise trail.lost(f"did not answer `initialize` within {self._hello_time:g} s") from None
        agent = answer if isinstance(answer, dict) else {}
        if agent.get("protocolVersion") != PROTOCOL_VERSION:
            raise trail.bad("initialize", f"`protocolVersion: {PROTOCOL_VERSION}`")
        return agent


def _permission_handler(choose: Chooser) -> RequestHandler:
    async def handle(request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, RequestPermission)  # the entry's kind of message
        return outcome(await choose(request))

    return handle


def _to_rpc(exc: Exception) -> RpcError:
    if isinstance(exc, RpcError):
        return exc
    logger.error("a handler of the client failed", exc_info=exc)
    return RpcError(INTERNAL_ERROR, f"the client failed: {exc}")
