"""A request on its way to the agent, and the ways to take its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject
from acp_agent.client.dispatch import Dispatcher, Responder, forbid_in_handler, outside_the_loop
from acp_agent.rpc.errors import INTERNAL_ERROR, REQUEST_CANCELLED, RpcError

Outcome: TypeAlias = JsonObject | RpcError | ConnectionLost
"""What became of a request."""


class SentRequest:
    """A request on its way; consume it once: await it, or hand over what is to happen with its result.

    Awaiting does not hold the dispatch loop: later messages may be handled before the awaiting task goes on.
    `on_result` does: what the agent sends behind its answer is handled after the callback. Cancelling a task
    that awaits it, or `cancel`, withdraws the request.
    """

    def __init__(
        self, method: str, work: Callable[[], Awaitable[JsonObject]], dispatcher: Dispatcher
    ) -> None:
        self._method = method
        self._work = work
        self._dispatcher = dispatcher
        self._callbacks: list[Callable[[Outcome], Awaitable[None]]] = []
        self._scope = anyio.CancelScope()
        self._done = anyio.Event()
        self._result: JsonObject | None = None
        self._error: RpcError | ConnectionLost | None = None

    def cancel(self) -> None:
        """Withdraw the request."""
        self._scope.cancel()

    def on_result(self, callback: Callable[[Outcome], Awaitable[None]]) -> None:
        """Call this with the result, or what went wrong, while the dispatch loop is held."""
        self._callbacks.append(callback)

    def forward_to(self, responder: Responder) -> None:
        """Answer `responder` with whatever the answer is; its own withdrawal withdraws this."""
        responder.defer()

        async def forward(result: Outcome) -> None:
            if isinstance(result, RpcError):
                responder.fail(result)
            elif isinstance(result, ConnectionLost):
                responder.fail(RpcError(INTERNAL_ERROR, str(result)))
            else:
                responder.answer(result)

        self.on_result(forward)

    async def wait(self) -> JsonObject:
        """The result.

        Raises:
            RpcError: the agent refused.
            ConnectionLost: it is gone.
            DispatchDeadlock: the caller is a handler that holds the loop.
        """
        forbid_in_handler(f"waiting for the answer to `{self._method}`")
        try:
            await self._done.wait()
        except anyio.get_cancelled_exc_class():
            self.cancel()
            raise
        if self._error is not None:
            raise self._error
        assert self._result is not None  # done, and no error
        return self._result

    def __await__(self):
        return self.wait().__await__()

    def give_up(self, error: ConnectionLost) -> None:
        """Tell who waits that no answer will come, unless it has; the connection does this."""
        if self._result is None and self._error is None:
            self._error = error
        self._done.set()

    async def run(self) -> None:
        """See it through; the connection does this."""
        outside_the_loop()
        outcome: Outcome
        with self._scope:
            try:
                outcome = self._result = await self._work()
            except (RpcError, ConnectionLost) as exc:
                outcome = self._error = exc
            async with self._dispatcher.in_order():
                for callback in self._callbacks:
                    await callback(outcome)
        if self._scope.cancelled_caught and self._result is None and self._error is None:
            self._error = RpcError(REQUEST_CANCELLED, f"`{self._method}` was withdrawn")
        self._done.set()
