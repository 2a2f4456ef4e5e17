"""Envelopes: telling requests, notifications and responses apart, and writing them."""

from __future__ import annotations

import json
from typing import TypeAlias

import msgspec

from acp_agent.base.jsontext import InvalidJson, JsonObject, JsonValue, dump, load
from acp_agent.rpc.errors import RpcError, invalid_request, parse_error

RequestId: TypeAlias = int | str | None
"""Legal ids. A request with id null is a request; only an absent id makes a notification."""


class Request(msgspec.Struct, frozen=True):
    """A call that must be answered."""

    id: RequestId
    method: str
    params: JsonValue


class Notification(msgspec.Struct, frozen=True):
    """A call that must never be answered."""

    method: str
    params: JsonValue


class Response(msgspec.Struct, frozen=True):
    """An answer to one of our requests: `error` if it failed, else `result`."""

    id: RequestId
    result: JsonValue = None
    error: RpcError | None = None


class Invalid(msgspec.Struct, frozen=True):
    """JSON that is no message; answered with the error under `id`, null if it had no usable one."""

    id: RequestId
    error: RpcError


Message: TypeAlias = Request | Notification | Response | Invalid


def read(line: bytes) -> Message:
    """Classify one line. One that is almost JSON, such as with a lone surrogate, fails the call it is about.

    Raises:
        InvalidJson: it is not JSON, and nobody can say which call it is about.
    """
    try:
        return parse(load(line))
    except InvalidJson as exc:
        failure = _failure(line, parse_error(str(exc)))
        if failure is None:
            raise
        return failure


def parse(value: JsonValue) -> Message:
    """Classify one parsed line (JSON-RPC 2.0, sections 4 and 5; ACP has no batches)."""
    if not isinstance(value, dict):
        kind = "a batch" if isinstance(value, list) else "not an object"
        return Invalid(None, invalid_request(f"the line is {kind}; send one JSON object per line"))
    has_id = "id" in value
    raw_id = value.get("id")
    if isinstance(raw_id, bool) or not (raw_id is None or isinstance(raw_id, (int, str))):
        return Invalid(None, invalid_request("`id` must be an integer, a string or null"))
    if value.get("jsonrpc") != "2.0":
        if "method" not in value and has_id:
            return Response(raw_id, error=invalid_request('`jsonrpc` must be "2.0"'))
        return Invalid(raw_id, invalid_request('`jsonrpc` must be "2.0"'))
    if "method" in value:
        method = value["method"]
        if not isinstance(method, str):
            return Invalid(raw_id, invalid_request("`method` must be a string"))
        params = value.get("params")
        return Request(raw_id, method, params) if has_id else Notification(method, params)
    if "error" in value and value["error"] is not None:
        return Response(raw_id, error=_read_error(value["error"]))
    if "result" in value:
        return Response(raw_id, result=value["result"])
    return Invalid(raw_id, invalid_request("a message needs `method`, `result` or `error`"))


def request_line(request_id: RequestId, method: str, params: JsonValue) -> bytes:
    """A request as one line, newline included."""
    return _line({"jsonrpc": "2.0", "id": request_id, "method": method}, params)


def notification_line(method: str, params: JsonValue) -> bytes:
    """A notification as one line, newline included."""
    return _line({"jsonrpc": "2.0", "method": method}, params)


def result_line(request_id: RequestId, result: JsonValue) -> bytes:
    """A successful response as one line, newline included."""
    return dump({"jsonrpc": "2.0", "id": request_id, "result": result}) + b"\n"


def error_line(request_id: RequestId, error: RpcError) -> bytes:
    """A failed response as one line, newline included."""
    return dump({"jsonrpc": "2.0", "id": request_id, "error": error.to_wire()}) + b"\n"


def _failure(line: bytes, error: RpcError) -> Message | None:
    try:
        value = json.loads(line)  # more lenient than `load`, which still reads the id that is repeated
        message = parse({**value, "id": load(json.dumps(value["id"]).encode())})
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    match message:
        case Request(request_id):
            return Invalid(request_id, error)
        case Response(request_id):
            return Response(request_id, error=error)
        case _:
            return None


def _line(envelope: JsonObject, params: JsonValue) -> bytes:
    if params is not None:
        envelope["params"] = params
    return dump(envelope) + b"\n"


def _read_error(value: JsonValue) -> RpcError:
    if not isinstance(value, dict):
        return RpcError(0, "the other side sent an error that is not an object")
    code, message = value.get("code"), value.get("message")
    return RpcError(
        code if isinstance(code, int) else 0,
        message if isinstance(message, str) else "the other side sent an error without a message",
        value.get("data"),
    )
