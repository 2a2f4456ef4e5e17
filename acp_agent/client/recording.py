"""Conversations on file: one JSON line per frame, written as it passes, played back as agent or client.

A line is `{"from": "client" | "agent", "frame": {…}}`. Played back as an agent, each of the client's frames
in it is waited for, and what the agent said after it is said again, under the ids of this
conversation. As a client it is the same the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NoReturn, TextIO, TypeAlias

import msgspec

from acp_agent.base.errors import AcpAgentError
from acp_agent.base.jsontext import InvalidJson, JsonObject, JsonValue, dump, dump_text
from acp_agent.rpc.framing import Oversized
from acp_agent.rpc.transport import EndOfTransport, Transport

Speaker: TypeAlias = Literal["client", "agent"]

SECRET_MEMBERS = frozenset({"env", "headers"})
"""Members whose values are replaced in a recording: they carry keys."""


MAX_DIGITS = 19
"""Whole numbers with fewer fit into 64 bits."""


class BadRecording(AcpAgentError):
    """A recording cannot be played; says which line and why."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"line {number} of the recording: {why}")


class Line(msgspec.Struct, frozen=True, rename={"speaker": "from"}):
    """One frame of a recording."""

    speaker: Speaker
    frame: JsonObject


class Recorder:
    """Writes frames as they pass; give `tap` to a `Proxy` or a `Client`.

    Args:
        output: where lines go; each is flushed.
        we_are: whose outgoing frames the tap sees: `client` for a client's tap, `agent` for a proxy's.
    """

    def __init__(self, output: TextIO, *, we_are: Speaker) -> None:
        self._output = output
        self._out: Speaker = we_are
        self._in: Speaker = "agent" if we_are == "client" else "client"

    def tap(self, direction: Literal["in", "out"], line: bytes) -> None:
        """Write one frame; what is no JSON object is left out."""
        try:
            frame = _read(line)
        except InvalidJson:
            return
        if isinstance(frame, dict):
            speaker = self._out if direction == "out" else self._in
            self._output.write(dump_text({"from": speaker, "frame": _without_secrets(frame)}) + "\n")
            self._output.flush()


def read_recording(path: Path) -> list[Line]:
    """The lines of a recording.

    Raises:
        BadRecording: a line is none.
        OSError: the file cannot be read.
    """
    lines: list[Line] = []
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            try:
                lines.append(msgspec.convert(_read(text), Line))
            except (InvalidJson, msgspec.ValidationError) as exc:
                raise BadRecording(number, str(exc)) from None
    return lines


async def replay(lines: Iterable[Line], transport: Transport, *, speaker: Speaker) -> list[str]:
    """Say what `speaker` said, at the points where it was said; returns how the other side differed.

    Ends when the recording ends, the other side is gone, or it does what it did not do then. Of an agent
    only requests and answers are waited for: in how many pieces it speaks is not the same each time.
    """
    differences: list[str] = []
    names = _Names()
    try:
        for line in lines:
            if line.speaker == speaker:
                await transport.send(dump(names.current(line.frame)) + b"\n")
            elif speaker == "agent" or "id" in line.frame:
                heard = await _next_object(transport)
                while speaker == "client" and "id" not in heard:
                    heard = await _next_object(transport)
                names.learn(line.frame, heard)
                expected, actual = _kind(line.frame), _kind(heard)
                if expected != actual:
                    differences.append(f"expected {expected}, heard {actual}")
                    break
    except EndOfTransport:
        differences.append("the other side left before the recording ended")
    finally:
        await transport.aclose()
    return differences


class _Names:
    """Ids of requests and sessions: as recorded → as they are now."""

    def __init__(self) -> None:
        self._requests: dict[bytes, JsonValue] = {}
        self._sessions: dict[str, str] = {}

    def learn(self, recorded: JsonObject, heard: JsonObject) -> None:
        """Pair the names in two frames that say the same."""
        if "method" in heard and "id" in heard:
            self._requests[dump(recorded.get("id"))] = heard["id"]
        then, now = recorded.get("result"), heard.get("result")
        if isinstance(then, dict) and isinstance(now, dict):
            old, new = then.get("sessionId"), now.get("sessionId")
            if isinstance(old, str) and isinstance(new, str):
                self._sessions[old] = new

    def current(self, frame: JsonObject) -> JsonObject:
        """A recorded frame with the names of this conversation."""
        if "method" not in frame and "id" in frame:
            return {**frame, "id": self._requests.get(dump(frame["id"]), frame["id"])}
        params = frame.get("params")
        if isinstance(params, dict):
            session_id = params.get("sessionId")
            if isinstance(session_id, str) and session_id in self._sessions:
                return {**frame, "params": {**params, "sessionId": self._sessions[session_id]}}
        return frame


async def _next_object(transport: Transport) -> JsonObject:
    while True:
        frame = await transport.receive()
        if isinstance(frame, Oversized):
            continue
        try:
            value = _read(frame)
        except InvalidJson:
            continue
        if isinstance(value, dict):
            return value


def _read(text: bytes) -> JsonValue:
    """One JSON text; numbers that would change on the way to Python and back are kept as they are written.

    Raises:
        InvalidJson: it is none.
    """
    try:
        return json.loads(text, parse_float=_kept, parse_int=_whole, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        raise InvalidJson(str(exc)) from None


def _kept(number: str) -> msgspec.Raw:
    return msgspec.Raw(number.encode())


def _whole(number: str) -> int | msgspec.Raw:
    return int(number) if len(number) < MAX_DIGITS else _kept(number)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"`{constant}` is not JSON")


def _kind(frame: JsonObject) -> str:
    method = frame.get("method")
    if isinstance(method, str):
        return f"`{method}`"
    return "an error" if "error" in frame else "a result"


def _without_secrets(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _masked(inner) if key in SECRET_MEMBERS else _without_secrets(inner)
        for key, inner in value.items()
    }


def _masked(pairs: JsonValue) -> JsonValue:
    """Names stay, values go."""
    if isinstance(pairs, list):
        return [{**pair, "value": "…"} if isinstance(pair, dict) else pair for pair in pairs]
    if isinstance(pairs, dict):
        return dict.fromkeys(pairs, "…")
    return pairs
