"""Which handler serves a call: decided by jsonrpcserver, run by us.

The library's dispatcher would run handlers in tasks of its own, where our cancellation and clean-up do not
reach. So the functions registered with it only note which handler was chosen; unknown methods and params
that are no object are refused by the library in JSON-RPC's own terms.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from typing import Any

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.peer import Handler

PACKAGE = "jsonrpcserver"


def admission(handlers: Mapping[str, Handler]) -> Callable[[str, JsonValue], Handler]:
    """A function from method and params to the handler; it raises the `RpcError` to answer with."""
    dispatcher, response, result = _library("dispatcher", "response", "result")

    def noting(handler: Handler) -> Callable[..., Any]:
        def note(chosen: list[Handler], /, **_params: JsonValue) -> Any:
            chosen.append(handler)
            return result.Success()

        return note

    methods = {name: noting(handler) for name, handler in handlers.items()}

    def admit(method: str, params: JsonValue) -> Handler:
        chosen: list[Handler] = []
        request: JsonObject = {"method": method, "id": 0}
        if params is not None:
            request["params"] = params
        answer = dispatcher.dispatch_to_response_pure(
            deserializer=_as_is,
            validator=_as_is,
            methods=methods,
            context=chosen,
            post_process=response.to_serializable_one,
            request=request,
        )
        if "error" in answer:
            error = answer["error"]
            raise RpcError(error["code"], error["message"], {"method": method, "reason": error.get("data")})
        return chosen[0]

    return admit


def _as_is(value: Any) -> Any:
    return value


def _library(*names: str) -> list[Any]:
    """Modules of jsonrpcserver without the package's own `__init__`.

    That would load an HTTP server and a JSON Schema library, of which nothing is used here: a quarter of the
    time between our start and the first session. The unexecuted package stands in only while its modules
    load, so whoever imports the library properly, before or after, gets it whole.
    """
    if PACKAGE in sys.modules:
        return [importlib.import_module(f"{PACKAGE}.{name}") for name in names]
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(f"`{PACKAGE}` is not installed", name=PACKAGE)
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return [importlib.import_module(f"{PACKAGE}.{name}") for name in names]
    finally:
        del sys.modules[PACKAGE]
