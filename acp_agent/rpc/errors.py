"""JSON-RPC errors as exceptions, and the one table of codes."""

from __future__ import annotations

from acp_agent.base.errors import AcpAgentError
from acp_agent.base.jsontext import JsonObject, JsonValue

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800
AUTH_REQUIRED = -32000
RESOURCE_NOT_FOUND = -32002


class RpcError(AcpAgentError):
    """An error answer, sent or received: `code`, one-line `message`, optional JSON `data`."""

    def __init__(self, code: int, message: str, data: JsonValue = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_wire(self) -> JsonObject:
        """The `error` member of a response; `data` is left out when there is none."""
        wire: JsonObject = {"code": self.code, "message": self.message}
        if self.data is not None:
            wire["data"] = self.data
        return wire


def parse_error(why: str) -> RpcError:
    """The line was not JSON."""
    return RpcError(PARSE_ERROR, "Parse error", {"reason": why})


def invalid_request(why: str) -> RpcError:
    """The JSON was no request, or came at a moment when it cannot be served."""
    return RpcError(INVALID_REQUEST, f"Invalid request: {why}")


def method_not_found(method: str) -> RpcError:
    """Nobody serves this method."""
    return RpcError(METHOD_NOT_FOUND, "Method not found", {"method": method})


def invalid_params(field: str, why: str) -> RpcError:
    """A parameter is missing or wrong; `field` is its path, such as `prompt[0].type`."""
    message = f"Invalid params: `{field}`: {why}" if field else f"Invalid params: {why}"
    return RpcError(INVALID_PARAMS, message, {"field": field, "reason": why})


def request_cancelled() -> RpcError:
    """The caller withdrew the request."""
    return RpcError(REQUEST_CANCELLED, "Request cancelled")
