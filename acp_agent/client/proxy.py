"""Something between a client and an agent: it forwards everything, but for what it names.

    proxy = Proxy()

    @proxy.on_request("session/prompt")
    async def add_context(params, onward):
        params["prompt"].insert(0, {"type": "text", "text": "Answer in one sentence."})
        return await onward.request("session/prompt", params)

Proxies are chained by `Conductor`; each sees only its neighbours.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeAlias

import anyio

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.turnstile import Place, Turnstile
from acp_agent.rpc.errors import INTERNAL_ERROR, RpcError
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Call, Handler, Peer, Tap, object_params
from acp_agent.rpc.transport import Transport

logger = logging.getLogger(__name__)

Side: TypeAlias = Literal["client", "agent"]
"""Where a message comes from."""


class Onward:
    """The way on: the side a message was meant for, and the way back.

    Messages go on in the order they came. What comes later is held until the handler sends something on,
    returns, or calls `let_others_pass`.
    """

    def __init__(self, there: Peer, back: Peer, place: Place, returning: Turnstile) -> None:
        self._there = there
        self._back = back
        self._place = place
        self._returning = returning

    async def request(self, method: str, params: JsonValue) -> JsonValue:
        """Ask the side the message was meant for; the result comes behind what that side sent before it.

        Raises:
            RpcError: it refused.
            ConnectionLost: it is gone.
        """
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
        """Forward until either side is gone; both are then closed."""
        ends: dict[Side, Peer] = {}
        ways: dict[Side, Turnstile] = {"client": Turnstile(), "agent": Turnstile()}

        def admission(source: Side, target: Side) -> Callable[[str, JsonValue], Handler]:
            async def pass_on(call: Call) -> JsonValue:
                place = ways[source].enter()
                try:
                    return await self._pass(
                        call, source, Onward(ends[target], ends[source], place, ways[target])
                    )
                finally:
                    place.settle()

            def admit(method: str, params: JsonValue) -> Handler:
                return pass_on

            return admit

        ends["client"] = Peer(
            client, admission=admission("client", "agent"), error_from=_to_rpc, tap=self._tap
        )
        ends["agent"] = Peer(agent, admission=admission("agent", "client"), error_from=_to_rpc)

        async def serve(peer: Peer) -> None:
            await peer.serve()
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for peer in ends.values():
                tasks.start_soon(serve, peer)

    async def _pass(self, call: Call, source: Side, onward: Onward) -> JsonValue:
        if call.expects_answer:
            handler = self._requests.get((source, call.method))
            if handler is not None:
                return await handler(object_params(call.params), onward)
            return await onward.request(call.method, call.params)
        told = self._notifications.get((source, call.method))
        if told is not None:
            await told(object_params(call.params), onward)
        else:
            onward.notify(call.method, call.params)
        return None


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
        """Forward until the client or the agent is gone."""
        joints = [memory_transport_pair() for _ in self._proxies[1:]]
        towards_client = [client, *(right for _, right in joints)]
        towards_agent = [*(left for left, _ in joints), agent]
        async with anyio.create_task_group() as tasks:

            async def link(proxy: Proxy, near: Transport, far: Transport) -> None:
                await proxy.run(near, far)
                tasks.cancel_scope.cancel()

            for proxy, near, far in zip(self._proxies, towards_client, towards_agent, strict=True):
                tasks.start_soon(link, proxy, near, far)


def _to_rpc(exc: Exception) -> RpcError:
    match exc:
        case RpcError():
            return exc
        case ConnectionLost():
            return RpcError(INTERNAL_ERROR, "the other side of the proxy is gone")
        case _:
            logger.exception("a handler of the proxy failed")
            return RpcError(INTERNAL_ERROR, f"the proxy failed: {exc}")
