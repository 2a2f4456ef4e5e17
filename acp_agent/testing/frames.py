"""Judges a whole v1 conversation, frame by frame, as its bytes crossed the wire.

The schema is that of `acp_agent.testing.wire_schema`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.testing.wire_schema import Kind, Method, schema_folder, wire_schema

Sender: TypeAlias = Literal["agent", "client"]

_OTHER: dict[Sender, Sender] = {"agent": "client", "client": "agent"}
_SHAPES = {
    "request": frozenset({"jsonrpc", "id", "method", "params"}),
    "notification": frozenset({"jsonrpc", "method", "params"}),
    "response": frozenset({"jsonrpc", "id", "result", "error"}),
}
_ANSWERABLE_WITHOUT_ID = (-32700, -32600)


class FrameValidator:
    """Checks every line both sides write: one JSON object, its envelope, its content against the schema.

    Results are judged by the method of the request they answer, so feed the lines of one connection in the
    order in which they were written, both directions to the same object. Method names that start with `_` are
    extensions and may carry anything.

    Attributes:
        problems: everything found so far, each with its sender and the number of its frame, counted from 1.
    """

    def __init__(self, *, schema: Path | None = None, unstable: bool = False, strict: bool = True) -> None:
        """Load the schema.

        `unstable` admits draft methods and fields. `strict` also reports keys the specification does not
        define and, in frames of the agent, optional fields written as null.
        """
        self.problems: list[str] = []
        self._schema = wire_schema(schema or schema_folder(), unstable=unstable)
        self._strict = strict
        self._count = 0
        # For each sender, its requests without an answer: id as JSON text → method.
        self._open: dict[Sender, dict[bytes, str]] = {"agent": {}, "client": {}}

    def feed(self, sender: Sender, line: bytes | str) -> list[str]:
        """Check one line, with or without its newline, and return the problems found in it."""
        self._count += 1
        raw = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        found = [f"{sender} frame {self._count}: {problem}" for problem in self._line(sender, raw)]
        self.problems += found
        return found

    def unanswered(self, sender: Sender) -> list[str]:
        """Requests of `sender` that got no response, as `method (id)`, oldest first."""
        return [f"{method} ({key.decode()})" for key, method in self._open[sender].items()]

    def _line(self, sender: Sender, raw: bytes) -> list[str]:
        text = raw.removesuffix(b"\n")
        if b"\n" in text or b"\r" in text:
            return ["line break inside the frame"]
        try:
            frame = jsontext.load(text)
        except jsontext.InvalidJson as exc:
            return [f"not JSON: {exc}"]
        if not isinstance(frame, dict):
            return [f"not an object but {type(frame).__name__}"]
        problems = [] if frame.get("jsonrpc") == "2.0" else ['`jsonrpc` is not "2.0"']
        shape = "response" if "method" not in frame else "request" if "id" in frame else "notification"
        problems += [f"`{key}` does not belong in a {shape}" for key in frame if key not in _SHAPES[shape]]
        if shape == "response":
            return problems + self._response(sender, frame)
        return problems + self._call(sender, frame, shape)

    def _call(self, sender: Sender, frame: JsonObject, kind: Kind) -> list[str]:
        name = frame["method"]
        if not isinstance(name, str):
            return ["`method` is not a string"]
        problems = self._opened(sender, frame, name) if kind == "request" else []
        params = frame.get("params", {})
        if params is None and sender == "agent" and self._strict:
            problems.append("params: null in an optional field; leave it out")
        if name.startswith("_"):
            return (
                problems
                if isinstance(params, dict | list | None)
                else [*problems, "`params` is not structured"]
            )
        method = self._schema.find(kind, _OTHER[sender], name)
        if method is None:
            return [*problems, self._misplaced(sender, kind, name)]
        content = {} if params is None else params
        return problems + [f"{name}: {problem}" for problem in self._content(sender, method.params, content)]

    def _opened(self, sender: Sender, frame: JsonObject, name: str) -> list[str]:
        problems = [] if frame["id"] is not None else ["request id is null"]
        problems += [f"id: {problem}" for problem in self._schema.violations("RequestId", frame["id"])]
        key = jsontext.dump(frame["id"])
        if key in self._open[sender]:
            problems.append(f"id `{key.decode()}` is already in use by `{self._open[sender][key]}`")
        self._open[sender][key] = name
        return problems

    def _misplaced(self, sender: Sender, kind: Kind, name: str) -> str:
        others: list[Method] = [row for row in self._schema.methods if row.method == name]
        if any(row.kind == kind for row in others):
            return f"`{name}` is not for the {sender} to send"
        if others:
            return f"`{name}` is a {others[0].kind}, not a {kind}"
        return f"unknown method `{name}`; extensions start with `_`"

    def _response(self, sender: Sender, frame: JsonObject) -> list[str]:
        if "id" not in frame:
            return ["neither `method` nor `id`"]
        if ("result" in frame) == ("error" in frame):
            return ["a response has either `result` or `error`"]
        if "error" in frame:
            return self._unmatched(sender, frame)[1] + [
                f"error: {problem}" for problem in self._content(sender, "Error", frame["error"])
            ]
        name, problems = self._unmatched(sender, frame)
        if name is None or name.startswith("_"):
            return problems
        method = self._schema.find("request", sender, name)
        if method is None or method.result is None:
            return [f"a result for the unknown method `{name}`"]
        return [
            f"{name} result: {problem}" for problem in self._content(sender, method.result, frame["result"])
        ]

    def _unmatched(self, sender: Sender, frame: JsonObject) -> tuple[str | None, list[str]]:
        """The method this response answers, now closed, or what is wrong with its id."""
        key = jsontext.dump(frame["id"])
        name = self._open[_OTHER[sender]].pop(key, None)
        if name is not None:
            return name, []
        error = frame.get("error")
        if frame["id"] is None and isinstance(error, dict) and error.get("code") in _ANSWERABLE_WITHOUT_ID:
            return None, []
        return None, [f"response to id `{key.decode()}`, which no open request has"]

    def _content(self, sender: Sender, definition: str, value: JsonValue) -> list[str]:
        problems = self._schema.violations(definition, value)
        if self._strict:
            problems += self._schema.surplus(definition, value, nulls=sender == "agent")
        return problems
