"""Messages whose values stay the text they came as, for those who hand them on.

A proxy must not change what it does not look at: numbers beyond a float's range, `1E2` that became `100.0`,
members that occur twice. So `params`, `result` and `error` are kept as text; only the envelope is read, and
written anew.
"""

from __future__ import annotations

from typing import cast

import msgspec

from acp_agent.base.jsontext import InvalidJson, JsonObject, JsonValue, load
from acp_agent.rpc import message as wire
from acp_agent.rpc.errors import RpcError

_KEPT = ("params", "result", "error")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class KeptError(RpcError):
    """Another's error answer; goes on as it came."""

    def __init__(self, error: RpcError, text: msgspec.Raw) -> None:
        super().__init__(error.code, error.message, error.data)
        self._text = text

    def to_wire(self) -> JsonObject:
        """The `error` member as it came."""
        return cast("JsonObject", self._text)


def read_verbatim(line: bytes) -> wire.Message:
    """Classify one line; its values are kept texts, which `opened` reads.

    Notifications that concern the connection itself (`$/…`) are read at once.

    Raises:
        InvalidJson: it is not JSON.
    """
    try:
        line.decode()
        members = _members.decode(line)
    except msgspec.ValidationError:
        return wire.parse(load(line))  # not an object: refused like everywhere
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise InvalidJson(str(exc)) from exc
    except RecursionError as exc:
        raise InvalidJson("nested too deeply") from exc
    envelope = {key: load(bytes(text)) for key, text in members.items() if key in ("jsonrpc", "id", "method")}
    own = str(envelope.get("method")).startswith("$/")
    for key in _KEPT:
        if key in members:
            envelope[key] = load(bytes(members[key])) if own else cast("JsonValue", members[key])
    error = members.get("error")
    if error is not None:
        envelope["error"] = {} if bytes(error) != b"null" else None
    message = wire.parse(envelope)
    if isinstance(message, wire.Response) and message.error is not None and error is not None:
        return wire.Response(message.id, error=_kept_error(error))
    return message


def opened(value: JsonValue | msgspec.Raw) -> JsonValue:
    """The value of a kept text; any other value is itself.

    Raises:
        InvalidJson: it holds what cannot be read, such as a number beyond a float's range.
    """
    return load(bytes(value)) if isinstance(value, msgspec.Raw) else value


def _kept_error(text: msgspec.Raw) -> RpcError:
    try:
        value = load(bytes(text))
    except InvalidJson as exc:
        return KeptError(RpcError(0, f"an error that cannot be read: {exc}"), text)
    answer = wire.parse({"jsonrpc": "2.0", "id": None, "error": value})
    if isinstance(value, dict) and isinstance(answer, wire.Response) and answer.error is not None:
        return KeptError(answer.error, text)
    return RpcError(0, "the other side sent an error that is not an object")
