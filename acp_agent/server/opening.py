"""Answers `initialize` before an event loop, or any package, exists. Standard library only.

Clients start the agent and send `initialize` at once. If that is what the first line is, it is answered here
and everything else is loaded while the client thinks about the answer. Whatever else the line may be is left
unread to the peer, which knows what to do with it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.rpc.stdio import CHUNK, Wire
from acp_agent.surface.handshake import BadVersion, ClientOffer, initialize

if TYPE_CHECKING:
    from acp_agent.base.jsontext import JsonObject, JsonValue

MAX_FIRST_LINE = 1024 * 1024
"""Bytes beyond which the first line is no `initialize` of ours to answer."""


class Opening(NamedTuple):
    """How the conversation began.

    Attributes:
        offer: what `initialize` established, None if it was not answered here.
        unread: bytes received that the peer must read first.
    """

    offer: ClientOffer | None
    unread: bytes


def open_conversation(wire: Wire) -> Opening:
    """Wait for the first line and answer it, if it is a plain `initialize`."""
    received = bytearray()
    while b"\n" not in received and len(received) < MAX_FIRST_LINE:
        try:
            data = os.read(wire.read_fd, CHUNK)
        except OSError:
            break
        if not data:
            break
        received += data
    line, newline, rest = bytes(received).partition(b"\n")
    if newline:
        answered = _answer(line)
        if answered is not None:
            answer, offer = answered
            _write_all(wire.write_fd, answer)
            return Opening(offer, rest)
    return Opening(None, bytes(received))


def _answer(line: bytes) -> tuple[bytes, ClientOffer] | None:
    try:
        message: JsonValue = json.loads(line)
        if not isinstance(message, dict) or message.keys() - {"jsonrpc", "id", "method", "params"}:
            return None
        request_id = message.get("id")
        plain_id = isinstance(request_id, (int, str)) and not isinstance(request_id, bool)
        if message.get("jsonrpc") != "2.0" or message.get("method") != "initialize" or not plain_id:
            return None
        result, offer = initialize(message.get("params"))
        answer: JsonObject = {"jsonrpc": "2.0", "id": request_id, "result": result}
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode() + b"\n", offer
    except (ValueError, RecursionError, BadVersion):  # the peer explains it to the client
        return None


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(fd, rest) :]
    except OSError:  # the client is gone already; reading its end will end us
        return
