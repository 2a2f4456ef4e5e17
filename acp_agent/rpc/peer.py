"""One end of a JSON-RPC conversation: correlates, orders, cancels, shuts down.

Three lanes, decided by tables given to the constructor, never by a handler's nature:

*preempt*  notifications acted on by a plain function, which waits for nobody: cancellations; they find the
           calls received before them begun, and those received later not
*inline*   requests answered at once by a plain function, before the next line is looked at
*task*     everything else, one task per call in the peer's own task group

The receive loop awaits nothing but the transport, because the answer one handler waits for may be the next
line. Everything sent leaves through one queue in the order it was enqueued, one write per event-loop tick.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, TypeAlias

import anyio
from anyio.abc import TaskGroup

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import InvalidJson, JsonObject, JsonValue
from acp_agent.rpc import message as wire
from acp_agent.rpc.errors import RpcError, invalid_request, parse_error, request_cancelled
from acp_agent.rpc.framing import Oversized
from acp_agent.rpc.message import RequestId
from acp_agent.rpc.transport import EndOfTransport, Transport

logger = logging.getLogger(__name__)

Handler: TypeAlias = "Callable[[Call], Awaitable[JsonValue]]"
"""Serves one call and returns its result; for a notification the result is dropped."""

Admission: TypeAlias = Callable[[str, JsonValue], Handler]
"""Finds the handler for a method and its params, or raises the `RpcError` to answer with."""

Tap: TypeAlias = Callable[[Literal["in", "out"], bytes], None]
"""Sees every line, both ways; must neither block nor raise."""

QUEUE_LIMIT = 8 * 1024 * 1024
"""Bytes that may wait for a slow reader before `drain` makes producers wait."""

LAST_WORDS_TIME = 1.0
"""Seconds that what came before the connection's end has to be read and, if it is a notification, handled."""


class Call:
    """One inbound call as its handler sees it: `method`, `params`, and a way to answer early.

    `expects_answer` is False for a notification.
    """

    def __init__(
        self, peer: Peer, method: str, params: JsonValue, request_id: RequestId, *, expects: bool
    ) -> None:
        self.method = method
        self.params = params
        self.expects_answer = expects
        self._peer = peer
        self._id = request_id
        self._open = expects  # an answer is still owed; falls to False exactly once
        self._answered = anyio.Event()
        self.scope = anyio.CancelScope()

    @property
    def answered(self) -> bool:
        """Whether the answer is on its way."""
        return not self._open

    async def wait_answered(self) -> None:
        """Return once the answer is on its way."""
        await self._answered.wait()

    def answer(self, result: JsonValue) -> None:
        """Enqueue the result now, ahead of all that is sent later; the handler's own result is ignored."""
        if self._open:
            self._settle(wire.result_line(self._id, result))

    def fail(self, error: RpcError) -> None:
        """Enqueue an error answer now, unless the call was already answered."""
        if self._open:
            self._settle(wire.error_line(self._id, error))

    def _settle(self, line: bytes) -> None:
        self._open = False
        self._peer.enqueue(line)
        self._answered.set()


class _Waiter:
    """Our own request on its way: `done` is set once `response` is there or the connection is gone."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.response: wire.Response | None = None


class Peer:
    """A JSON-RPC endpoint over one transport.

    Args:
        transport: owned by the peer; closed when `serve` returns.
        admission: decides which handler serves a call.
        inline: requests answered inside the receive loop.
        preempt: notifications acted on as soon as the calls received before them have begun.
        at_once: offered notifications inside the receive loop when everything received before, answers
            included, has been begun with; true if that was all there was to do.
        cancel_method: the notification that withdraws a request, both ways.
        error_from: turns any exception of a handler into the error answer.
        read: makes a message of a line, or raises `InvalidJson`.
        tap: observer of every line.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        admission: Admission,
        error_from: Callable[[Exception], RpcError],
        inline: Mapping[str, Callable[[JsonValue], JsonValue]] | None = None,
        preempt: Mapping[str, Callable[[JsonValue], None]] | None = None,
        at_once: Callable[[str, JsonValue], bool] | None = None,
        cancel_method: str = "$/cancel_request",
        read: Callable[[bytes], wire.Message] = wire.read,
        tap: Tap | None = None,
    ) -> None:
        self._transport = transport
        self._admission = admission
        self._error_from = error_from
        self._inline = inline or {}
        self._preempt = preempt or {}
        self._at_once = at_once
        self._n_ahead = 0  # messages received that nobody has begun with
        self._cancel_method = cancel_method
        self._read = read
        self._tap = tap
        self._calls: dict[RequestId, list[Call]] = {}  # unanswered inbound requests; ids may collide
        self._waiting: dict[RequestId, _Waiter] = {}  # our unanswered requests
        self._late: dict[RequestId, Callable[[JsonValue], None]] = {}  # for results of given up requests
        self._next_id = 0
        self._queue: list[bytes] = []  # lines not yet handed to the transport
        self._queued = 0  # their bytes, plus those the transport is writing
        self._wake = anyio.Event()  # set when the queue is not empty or the peer is closed
        self._drained = anyio.Event()
        self._is_heard = True  # until nothing can be written any more
        self._closed = False

    async def serve(self) -> None:
        """Serve until either direction is closed; then end every handler, write what is queued, return.

        Within `LAST_WORDS_TIME`, what had come by then is read, and notifications are handled to their end;
        requests, whose answers nobody could receive, are not. To stop earlier, cancel the scope this runs in.
        """
        try:
            async with anyio.create_task_group() as writing:
                writing.start_soon(self._write_loop, writing.cancel_scope)
                try:
                    async with anyio.create_task_group() as notes, anyio.create_task_group() as requests:
                        await self._receive_loop(requests, notes)
                        requests.cancel_scope.cancel()
                        notes.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_TIME
                finally:
                    self._close()
        finally:
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()

    def notify(self, method: str, params: JsonValue) -> None:
        """Enqueue a notification; never waits. After the connection closed it is dropped."""
        self.enqueue(wire.notification_line(method, params))

    async def request(
        self,
        method: str,
        params: JsonValue,
        *,
        timeout: float | None = None,
        late: Callable[[JsonValue], None] | None = None,
    ) -> JsonValue:
        """Send a request and return the other side's result.

        If the caller is cancelled or the timeout passes, the other side is told with the cancel method. A
        result that comes all the same is given to `late`, which can undo what the request did, or dropped.

        Raises:
            RpcError: the other side answered with an error.
            ConnectionLost: the connection closed before an answer arrived.
            TimeoutError: no answer within `timeout` seconds.
        """
        return await self.result_of(self.send(method, params), timeout=timeout, late=late)

    def send(self, method: str, params: JsonValue) -> int:
        """Enqueue a request now; `result_of` must be awaited with the id this returns."""
        line = wire.request_line(self._next_id + 1, method, params)
        self._next_id += 1
        self._waiting[self._next_id] = _Waiter()
        self.enqueue(line)
        return self._next_id

    async def result_of(
        self,
        request_id: int,
        *,
        timeout: float | None = None,
        late: Callable[[JsonValue], None] | None = None,
    ) -> JsonValue:
        """The other side's result for a request that was sent; as `request`."""
        waiter = self._waiting[request_id]
        if self._closed:
            del self._waiting[request_id]
            raise ConnectionLost
        try:
            with anyio.fail_after(timeout):
                await waiter.done.wait()
        finally:
            del self._waiting[request_id]
            if waiter.response is not None:
                self._n_ahead -= 1
            else:
                self.notify(self._cancel_method, {"requestId": request_id})
                if late is not None:
                    self._late[request_id] = late
        if waiter.response is None:
            raise ConnectionLost
        if waiter.response.error is not None:
            raise waiter.response.error
        return waiter.response.result

    def post(self, method: str, params: JsonValue) -> None:
        """Send a request whose answer nobody waits for."""
        self._next_id += 1
        self.enqueue(wire.request_line(self._next_id, method, params))

    async def drain(self) -> None:
        """Wait while more than `QUEUE_LIMIT` bytes are queued; producers of many messages call it."""
        while self._queued > QUEUE_LIMIT and not self._closed:
            await self._drained.wait()

    async def wait_answered(self) -> None:
        """Return once every request that has come by now is answered."""
        for call in [call for calls in self._calls.values() for call in calls]:
            await call.wait_answered()

    async def flush(self) -> None:
        """Return once everything that is queued is handed to the transport."""
        while self._queued and not self._closed:
            await self._drained.wait()

    def enqueue(self, line: bytes) -> None:
        """Queue one complete line behind everything queued before it."""
        if self._closed or not self._is_heard:
            return
        if self._tap is not None:
            self._tap("out", line)
        self._queue.append(line)
        self._queued += len(line)
        if not self._wake.is_set():
            self._wake.set()

    async def _receive_loop(self, requests: TaskGroup, notes: TaskGroup) -> None:
        while True:
            try:
                frame = await self._transport.receive()
            except EndOfTransport:
                return
            if isinstance(frame, Oversized):
                why = f"the line is longer than {frame.limit} bytes; send less at once"
                self.enqueue(wire.error_line(None, invalid_request(why)))
                continue
            if self._tap is not None:
                self._tap("in", frame)
            try:
                message = self._read(frame)
            except InvalidJson as exc:
                self.enqueue(wire.error_line(None, parse_error(str(exc))))
                continue
            self._take(message, requests, notes)

    def _take(self, message: wire.Message, requests: TaskGroup, notes: TaskGroup) -> None:
        match message:
            case wire.Response():
                self._settle(message)
            case wire.Invalid():
                self.enqueue(wire.error_line(message.id, message.error))
            case wire.Notification(method, params):
                self._take_notification(method, params, notes)
            case wire.Request(request_id, method, params):
                call = Call(self, method, params, request_id, expects=True)
                if method in self._inline:
                    self._answer_inline(call)
                else:
                    self._calls.setdefault(request_id, []).append(call)
                    self._n_ahead += 1
                    requests.start_soon(self._run, call, request_id)

    def _take_notification(self, method: str, params: JsonValue, notes: TaskGroup) -> None:
        if method == self._cancel_method:
            for call in self._calls.get(_cancelled_id(params), []):
                call.scope.cancel()
        elif method in self._preempt:
            # Not called right here: the calls read just before have no more than a place in the loop's queue.
            notes.start_soon(self._act, method, params)
        elif self._at_once is None or self._n_ahead or not self._at_once(method, params):
            self._n_ahead += 1
            notes.start_soon(self._run, Call(self, method, params, None, expects=False), None)

    async def _act(self, method: str, params: JsonValue) -> None:
        try:
            self._preempt[method](params)
        except Exception as exc:
            logger.warning("notification `%s` ignored: %s", method, self._error_from(exc))

    def _answer_inline(self, call: Call) -> None:
        try:
            call.answer(self._inline[call.method](call.params))
        except Exception as exc:
            call.fail(self._error_from(exc))

    async def _run(self, call: Call, request_id: RequestId) -> None:
        self._n_ahead -= 1
        try:
            with call.scope:
                call.answer(await self._admission(call.method, call.params)(call))
            if call.scope.cancelled_caught:
                call.fail(request_cancelled())
        except Exception as exc:
            call.fail(self._error_from(exc))
        finally:
            calls = self._calls.get(request_id, [])
            if call in calls:
                calls.remove(call)
                if not calls:
                    del self._calls[request_id]

    def _settle(self, response: wire.Response) -> None:
        waiter = self._waiting.get(response.id)
        late = self._late.pop(response.id, None)
        if waiter is not None and waiter.response is None:
            waiter.response = response
            self._n_ahead += 1
            waiter.done.set()
        elif late is not None and response.error is None:
            late(response.result)
        else:
            logger.debug("dropped an answer to no open request: id %r", response.id)

    async def _write_loop(self, serving: anyio.CancelScope) -> None:
        try:
            while True:
                await self._wake.wait()
                lines, self._queue = b"".join(self._queue), []
                if lines:
                    await self._transport.send(lines)
                    self._queued -= len(lines)
                    self._drained.set()
                    self._drained = anyio.Event()
                if self._queue:
                    continue
                if self._closed:
                    return
                self._wake = anyio.Event()
        except ConnectionLost as exc:
            logger.debug("stopped writing: %s", exc)
            self._is_heard, self._queued = False, 0
            self._drained.set()
            serving.deadline = anyio.current_time() + LAST_WORDS_TIME

    def _close(self) -> None:
        self._closed = True
        self._wake.set()
        self._drained.set()
        for waiter in self._waiting.values():
            waiter.done.set()


def _cancelled_id(params: JsonValue) -> RequestId:
    request_id = params.get("requestId") if isinstance(params, dict) else None
    return request_id if isinstance(request_id, (int, str)) and not isinstance(request_id, bool) else None


def object_params(params: JsonValue) -> JsonObject:
    """Params as an object; absent ones are an empty object.

    Raises:
        RpcError: they are something else.
    """
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise invalid_request("`params` must be an object")
    return params
