"""Which handler serves a call: decided by jsonrpcserver, run by us.

The library's dispatcher would run handlers in tasks of its own, where our cancellation and clean-up do not
reach. So the functions registered with it only note which handler was chosen; unknown methods and params
that are no object are refused by the library in JSON-RPC's own terms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jsonrpcserver import Success
from jsonrpcserver.dispatcher import dispatch_to_response_pure
from jsonrpcserver.response import to_serializable_one

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.peer import Handler


def admission(handlers: Mapping[str, Handler]) -> Callable[[str, JsonValue], Handler]:
    """A function from method and params to the handler; it raises the `RpcError` to answer with."""
    methods = {name: _noting(handler) for name, handler in handlers.items()}

    def admit(method: str, params: JsonValue) -> Handler:
        chosen: list[Handler] = []
        request: JsonObject = {"method": method, "id": 0}
        if params is not None:
            request["params"] = params
        response: Any = dispatch_to_response_pure(
            deserializer=_as_is,
            validator=_as_is,
            methods=methods,
            context=chosen,
            post_process=to_serializable_one,  # pyright: ignore[reportArgumentType] - as the library itself does
            request=request,  # pyright: ignore[reportArgumentType] - our deserializer takes it as it is
        )
        if "error" in response:
            error = response["error"]
            raise RpcError(error["code"], error["message"], {"method": method, "reason": error.get("data")})
        return chosen[0]

    return admit


def _noting(handler: Handler) -> Callable[..., Any]:
    def note(chosen: list[Handler], /, **_params: JsonValue) -> Any:
        chosen.append(handler)
        return Success()

    return note


def _as_is(value: Any) -> Any:
    return value
