"""One dispatch loop: the agent's messages are handled one at a time, in the order they came.

A message meets three layers: handlers of the program, in the order they were registered; routes of open
sessions; defaults. The first that takes it ends its way. A handler holds the loop until it returns, unless it
was registered as `concurrent`: that one starts in order and then runs beside the loop.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import anyio
import msgspec

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.errors import DispatchDeadlock
from acp_agent.client.messages import AnyMessage, Message, RequestPermission, SessionUpdate, read_message
from acp_agent.client.permission import outcome
from acp_agent.rpc.errors import INTERNAL_ERROR, RpcError, method_not_found
from acp_agent.rpc.peer import Call, Handler, object_params

if TYPE_CHECKING:
    from acp_agent.client.connection import Connection

logger = logging.getLogger(__name__)

MAX_PARKED = 10_000
"""Updates kept for sessions whose route is not there yet; later ones push out the oldest."""


class Passed:
    """The type of `PASS_ON`."""


PASS_ON: Final = Passed()
"""What a handler returns for a message it leaves to the next layer."""


class Responder:
    """The one answer to a request of the agent; a handler may keep it and answer later after `defer`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.deferred = False

    @property
    def answered(self) -> bool:
        """Whether the answer is on its way."""
        return self._call.answered

    def defer(self) -> None:
        """Promise an answer that comes after the handler has returned."""
        self.deferred = True

    def answer(self, result: JsonValue) -> None:
        """Send the result; any further answer is dropped."""
        self._call.answer(result)

    def fail(self, error: RpcError) -> None:
        """Send an error; any further answer is dropped."""
        self._call.fail(error)

    async def wait_answered(self) -> None:
        """Return once the answer is on its way."""
        await self._call.wait_answered()


RequestHandler: TypeAlias = (
    "Callable[[Message | JsonObject, Responder, Connection], Awaitable[JsonValue | Passed]]"
)
NotificationHandler: TypeAlias = "Callable[[Message | JsonObject, Connection], Awaitable[Passed | None]]"


class Route(msgspec.Struct, frozen=True):
    """The way to one session: `take` gets its updates in order, `lose` why no more come. Neither waits."""

    take: Callable[[JsonObject], None]
    lose: Callable[[ConnectionLost], None]


class Closable(Protocol):
    """What must not outlive the connection."""

    async def aclose(self) -> None:
        """End it; more than once does no harm."""
        ...


class RequestEntry(msgspec.Struct, frozen=True):
    """A registered handler of requests."""

    message: AnyMessage
    handler: RequestHandler
    concurrent: bool


class NotificationEntry(msgspec.Struct, frozen=True):
    """A registered handler of notifications."""

    message: AnyMessage
    handler: NotificationHandler


class Dispatcher:
    """Handlers, routes, and the turn-taking between them.

    Lists are tried front to back; `defaults` come after everything else.
    """

    def __init__(
        self,
        requests: list[RequestEntry],
        notifications: list[NotificationEntry],
        defaults: list[RequestEntry],
    ) -> None:
        self._requests = tuple(requests)
        self._added: list[RequestEntry] = []
        self._defaults = tuple(defaults)
        self._notifications = tuple(notifications)
        self._connection: Connection  # set by `serve`, before anything arrives
        self._turn = anyio.Lock(fast_acquire=True)  # waiters get it in the order they came
        self._routes: dict[str, Route] = {}
        self._parked: deque[tuple[str, JsonObject]] = deque(maxlen=MAX_PARKED)
        self.open_sessions: set[Closable] = set()
        self._left: set[str] = set()  # sessions that had a route: what comes for them now is for nobody
        self._permissions: list[Call] = []  # requests for one that are not answered

    def serve(self, connection: Connection) -> None:
        """Handle the messages of this connection."""
        self._connection = connection

    def admit(self, method: str, params: JsonValue) -> Handler:
        """The peer's admission: everything is dispatched, in order."""
        return self._dispatch

    def take_at_once(self, method: str, params: JsonValue) -> bool:
        """The peer's short way: hand an update to its session, if nothing and nobody comes before that."""
        if method != SessionUpdate.METHOD or self._notifications or self._turn.locked():
            return False
        try:
            self._route(params)
        except RpcError as exc:
            logger.warning("notification `%s` ignored: %s", method, exc)
        return True

    @asynccontextmanager
    async def in_order(self) -> AsyncGenerator[None, None]:
        """Hold the loop: what came before is handled, what comes later is not yet."""
        async with self._turn:
            token = _holding.set(True)
            try:
                yield
            finally:
                _holding.reset(token)

    def add_entry(self, entry: RequestEntry) -> None:
        """Handle requests in this way too, behind the program's own handlers."""
        self._added.append(entry)

    def remove_entry(self, entry: RequestEntry) -> None:
        """No longer do so."""
        self._added.remove(entry)

    def add_route(self, session_id: str, route: Route) -> None:
        """Hand this session's updates to `route`, those that came too early first."""
        self._routes[session_id] = route
        self._left.discard(session_id)
        early = [update for owner, update in self._parked if owner == session_id]
        self._parked = deque((item for item in self._parked if item[0] != session_id), MAX_PARKED)
        for update in early:
            route.take(update)

    def remove_route(self, session_id: str, route: Route) -> None:
        """Let the session's updates go unread, unless another route has taken the place of this one."""
        if self._routes.get(session_id) is route:
            del self._routes[session_id]
            self._left.add(session_id)

    def cancel_permission_requests(self, session_id: str) -> None:
        """Answer what a session asks permission for with `cancelled`, and end who thinks about it."""
        for call in [*self._permissions]:
            if isinstance(call.params, dict) and call.params.get("sessionId") == session_id:
                call.answer(outcome(None))
                call.scope.cancel()

    async def lose(self, error: ConnectionLost) -> None:
        """Tell every session that the agent is gone, behind all that came before."""
        async with self.in_order():
            for route in [*self._routes.values()]:
                route.lose(error)

    async def aclose(self) -> None:
        """Close the sessions nobody closed."""
        for session in [*self.open_sessions]:
            await session.aclose()

    async def _dispatch(self, call: Call) -> JsonValue:
        if call.expects_answer:
            return await self._dispatch_request(call)
        try:
            async with self.in_order():
                await self._notify(call)
        except RpcError as exc:
            logger.warning("notification `%s` ignored: %s", call.method, exc)
        except Exception:
            logger.exception("a handler of the notification `%s` failed", call.method)
        return None

    async def _dispatch_request(self, call: Call) -> JsonValue:
        if call.method != RequestPermission.METHOD:
            return await self._answer(call)
        self._permissions.append(call)
        try:
            return await self._answer(call)
        finally:
            self._permissions.remove(call)

    async def _answer(self, call: Call) -> JsonValue:
        responder = Responder(call)
        result = await self._offer(call, responder)
        if responder.deferred:  # waited for beside the loop, which the answer may need
            await call.wait_answered()
        elif result is None and not call.answered:
            raise RpcError(INTERNAL_ERROR, f"the handler of `{call.method}` returned without an answer")
        return result

    async def _offer(self, call: Call, responder: Responder) -> JsonValue:
        """The result of the first handler that takes the call."""
        async with self.in_order():
            waiting = deque(
                (entry.handler, request, entry.concurrent)
                for entry in (*self._requests, *self._added, *self._defaults)
                if (request := _read(entry.message, call)) is not None
            )
            while waiting and not waiting[0][2]:
                handler, request, _ = waiting.popleft()
                result = await handler(request, responder, self._connection)
                if not isinstance(result, Passed):
                    return result
        for handler, request, _ in waiting:  # behind one that runs beside the loop, all do
            result = await handler(request, responder, self._connection)
            if not isinstance(result, Passed):
                return result
        raise method_not_found(call.method)

    async def _notify(self, call: Call) -> None:
        for entry in self._notifications:
            note = _read(entry.message, call)
            if note is not None and not isinstance(await entry.handler(note, self._connection), Passed):
                return
        if call.method == SessionUpdate.METHOD:
            self._route(call.params)

    def _route(self, params: JsonValue) -> None:
        update = read_message(SessionUpdate, params)
        route = self._routes.get(update.session_id)
        if route is not None:
            route.take(update.update)
        elif update.session_id not in self._left:
            self._parked.append((update.session_id, update.update))


_holding: ContextVar[bool] = ContextVar("holding the dispatch loop", default=False)


def forbid_in_handler(what: str) -> None:
    """Raise if the caller is a handler that holds the loop.

    Raises:
        DispatchDeadlock: it is; the message says what to use instead.
    """
    if _holding.get():
        raise DispatchDeadlock(what)


def outside_the_loop() -> None:
    """Mark the running task as one that holds nothing, though a handler may have started it."""
    _holding.set(False)


def _read(message: AnyMessage, call: Call) -> Message | JsonObject | None:
    """The call as this kind of message; None if it is another kind."""
    if isinstance(message, str):
        return object_params(call.params) if message in (call.method, "*") else None
    return read_message(message, call.params) if call.method == message.METHOD else None
