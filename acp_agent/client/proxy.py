"""Something between a client and an agent: it forwards everything, but for what it names.

    proxy = Proxy()

    @proxy.on_request("session/prompt")
    async def add_context(params, onward):
        params["prompt"].insert(0, {"type": "text", "text": "Answer in one sentence."})
        return await onward.request("session/prompt", params)

What no handler is for goes on as it was written. Proxies are chained by `Conductor`; each sees only its
neighbours.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeAlias

import anyio

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import InvalidJson, JsonObject, JsonValue
from acp_agent.client.turnstile import Place, Turnstile
from acp_agent.client.verbatim import opened, read_verbatim
from acp_agent.rpc.errors import INTERNAL_ERROR, RpcError, invalid_params
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Call, Handler, Peer, Tap, object_params
from acp_agent.rpc.transport import Transport

logger = logging.getLogger(__name__)

LAST_WORDS_TIME = 2.0
"""Seconds that what one side said last has to reach the other side, once the first is gone."""

Side: TypeAlias = Literal["client", "agent"]
"""Where a message comes from."""


class Onward:
    """The way on: the side a message was meant for, and the way back.

    Messages go on in the order they came. What comes later is held until the handler sends something on,
    returns, or calls `let_others_pass`.
    """

    def __init__(self, call: Call, there: Peer, back: Peer, place: Place, returning: Turnstile) -> None:
        self._call = call
        self._there = there
        self._back = back
        self._place = place
        self._returning = returning

    async def request(self, method: str, params: JsonValue) -> JsonValue:
        """Ask the side the message was meant for; the result comes behind what that side sent before it.

        Raises:
            RpcError: it refused, or its result cannot be read.
            ConnectionLost: it is gone.
        """
        result = await self._ask(method, params)
        try:
            return opened(result)
        except InvalidJson as exc:
            raise RpcError(INTERNAL_ERROR, f"the result of `{method}` cannot be read: {exc}") from None

    async def unchanged(self) -> JsonValue:
        """Let the message go on as it came, every number and member as it was written.

        Of a request, the result as it came too: nothing to look into, but what the handler shall return.

        Raises:
            RpcError, ConnectionLost: as `request`.
        """
        if self._call.expects_answer:
            return await self._ask(self._call.method, self._call.params)
        self.notify(self._call.method, self._call.params)
        return None

    async def _ask(self, method: str, params: JsonValue) -> JsonValue:
        sent: list[int] = []

        def send() -> None:
            sent.append(self._there.send(method, params))

        self._place.act(send)
        try:
            if not sent:
                await self._place.passed.wait()
        finally:
            self._place.withdraw(send)  # a caller that was cancelled meanwhile asks for nothing
        try:
            return await self._there.result_of(sent[0])
        finally:
            await self._returning.emptied()

    def notify(self, method: str, params: JsonValue) -> None:
        """Tell the side the message was meant for."""
        self._place.act(lambda: self._there.notify(method, params))

    def let_others_pass(self) -> None:
        """Hold nothing up from here on: for handlers that answer by themselves and take their time."""
        self._place.settle()

    def notify_back(self, method: str, params: JsonObject) -> None:
        """Tell the side the message came from."""
        self._back.notify(method, params)


RequestProxy: TypeAlias = Callable[[JsonObject, Onward], Awaitable[JsonValue]]
NotificationProxy: TypeAlias = Callable[[JsonObject, Onward], Awaitable[None]]


class Proxy:
    """Forwards between a client and an agent; what it has a handler for goes through that instead.

    Args:
        tap: sees every line between this proxy and the client, both ways.
    """

    def __init__(self, *, tap: Tap | None = None) -> None:
        self._tap = tap
        self._requests: dict[tuple[Side, str], RequestProxy] = {}
        self._notifications: dict[tuple[Side, str], NotificationProxy] = {}

    def on_request(self, method: str, *, source: Side = "client") -> Callable[[RequestProxy], RequestProxy]:
        """Handle requests of `source` in place of forwarding them; the handler's result is the answer."""

        def register(handler: RequestProxy) -> RequestProxy:
            self._requests[source, method] = handler
            return handler

        return register

    def on_notification(
        self, method: str, *, source: Side = "client"
    ) -> Callable[[NotificationProxy], NotificationProxy]:
        """Handle notifications of `source` in place of forwarding them."""

        def register(handler: NotificationProxy) -> NotificationProxy:
            self._notifications[source, method] = handler
            return handler

        return register

    async def run(self, client: Transport, agent: Transport) -> None:
        """Forward until either side is gone; the other is then told what was said before, and closed."""
        ends: dict[Side, Peer] = {}
        ways: dict[Side, Turnstile] = {"client": Turnstile(), "agent": Turnstile()}

        def admission(source: Side, target: Side) -> Callable[[str, JsonValue], Handler]:
            async def pass_on(call: Call) -> JsonValue:
                place = ways[source].enter()
                try:
                    return await self._pass(
                        call, source, Onward(call, ends[target], ends[source], place, ways[target])
                    )
                finally:
                    place.settle()

            def admit(method: str, params: JsonValue) -> Handler:
                return pass_on

            return admit

        ends["client"] = Peer(
            client,
            admission=admission("client", "agent"),
            error_from=_to_rpc,
            read=read_verbatim,
            tap=self._tap,
        )
        ends["agent"] = Peer(
            agent, admission=admission("agent", "client"), error_from=_to_rpc, read=read_verbatim
        )

        async def serve(peer: Peer, other: Peer) -> None:
            await peer.serve()
            with anyio.move_on_after(LAST_WORDS_TIME):
                await other.wait_answered()
                await other.flush()
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve, ends["client"], ends["agent"])
            tasks.start_soon(serve, ends["agent"], ends["client"])

    async def _pass(self, call: Call, source: Side, onward: Onward) -> JsonValue:
        if call.expects_answer:
            handler = self._requests.get((source, call.method))
            if handler is not None:
                return await handler(_looked_into(call), onward)
            return await onward.unchanged()
        told = self._notifications.get((source, call.method))
        if told is not None:
            await told(_looked_into(call), onward)
            return None
        return await onward.unchanged()


def context_proxy(text: str) -> Proxy:
    """Puts `text` in front of the first prompt of every session."""
    proxy, told = Proxy(), set[str]()

    @proxy.on_request("session/prompt")
    async def add(params: JsonObject, onward: Onward) -> JsonValue:
        session_id, prompt = str(params.get("sessionId")), params.get("prompt")
        if session_id not in told and isinstance(prompt, list):
            told.add(session_id)
            params = {**params, "prompt": [{"type": "text", "text": text}, *prompt]}
        return await onward.request("session/prompt", params)

    return proxy


class Conductor:
    """A chain: the client, the proxies in their order, the agent."""

    def __init__(self, proxies: Sequence[Proxy]) -> None:
        self._proxies = tuple(proxies)

    async def run(self, client: Transport, agent: Transport) -> None:
        """Forward until the client or the agent is gone, and everything said before has been passed on."""
        joints = [memory_transport_pair() for _ in self._proxies[1:]]
        towards_client = [client, *(right for _, right in joints)]
        towards_agent = [*(left for left, _ in joints), agent]
        # Where one ends, its neighbors find their joint closed.
        async with anyio.create_task_group() as tasks:
            for proxy, near, far in zip(self._proxies, towards_client, towards_agent, strict=True):
                tasks.start_soon(proxy.run, near, far)


def _looked_into(call: Call) -> JsonObject:
    """The params of a message that has a handler."""
    try:
        return object_params(opened(call.params))
    except InvalidJson as exc:
        if not call.expects_answer:  # nobody would hear of it otherwise
            logger.warning("dropped a `%s` that the proxy cannot read: %s", call.method, exc)
        raise invalid_params("", f"the proxy cannot read them: {exc}") from None


def _to_rpc(exc: Exception) -> RpcError:
    match exc:
        case RpcError():
            return exc
        case ConnectionLost():
            return RpcError(INTERNAL_ERROR, "the other side of the proxy is gone")
        case _:
            logger.exception("a handler of the proxy failed")
            return RpcError(INTERNAL_ERROR, f"the proxy failed: {exc}")
