"""Questions of the agent, asked of the person at the terminal line by line (`elicitation/create`)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

import anyio.to_thread

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import INTERNAL_ERROR, RpcError

CAPABILITY: JsonObject = {"form": {}, "url": {}}
"""What is offered as `elicitation`: questions are refused if nobody is there, not turned into permission."""

ReadLine = Callable[[str], Awaitable[str]]
"""Shows a text and returns the line entered behind it, without its end."""


class Asking:
    """Puts one question after another.

    `note` prints a line beside the answer; `read` is None if nobody is there.
    """

    def __init__(self, note: Callable[[str], None], read: ReadLine | None) -> None:
        self._note = note
        self._read = read

    async def answer(self, params: JsonObject) -> JsonValue:
        """The result of one `elicitation/create`.

        Raises:
            RpcError: nobody is at the terminal.
        """
        self._note(f"\n  question: {params.get('message')}")
        if self._read is None:
            self._note("  not answered: nobody is at the terminal")
            raise RpcError(INTERNAL_ERROR, "nobody is at the terminal; ask in the answer")
        if params.get("mode") == "url":
            return await self._visit(params, self._read)
        content: JsonObject = {}
        schema = _object(params.get("requestedSchema"))
        required = schema.get("required")
        for name, part in _object(schema.get("properties")).items():
            needed = isinstance(required, list) and name in required
            value = await self._fill_in(name, _object(part), self._read, needed=needed)
            if value is not None:
                content[name] = value
            elif needed:
                return {"action": "decline"}
        return {"action": "accept", "content": content}

    async def _visit(self, params: JsonObject, read: ReadLine) -> JsonValue:
        self._note(f"  open it in a browser: {params.get('url')}")
        done = await read("  did you open it? [y/N] ")
        return {"action": "accept" if done.strip().lower() in ("y", "yes") else "decline"}

    async def _fill_in(self, name: str, part: JsonObject, read: ReadLine, *, needed: bool) -> JsonValue:
        """The value entered, or None if none was."""
        title = part.get("title") or name
        options = _options(part)
        self._note(f"  {title}")
        for number, (_, label) in enumerate(options, 1):
            self._note(f"    {number}  {label}")
        hint = _hint(part, options)
        hint += "" if needed else ", or nothing"
        while True:
            entered = (await read(f"  {hint}: ")).strip()
            if not entered:
                return part.get("default")
            value = _value(part, options, entered)
            if value is not None:
                return value
            self._note(f"  that is not {hint}")


async def read_line(shown: str) -> str:
    """A line of standard input, asked for on standard error."""
    sys.stderr.write(shown)
    sys.stderr.flush()
    return (await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)).rstrip("\n")


def _hint(part: JsonObject, options: list[tuple[str, str]]) -> str:
    match part.get("type"):
        case "array":
            return "numbers of your choices with spaces between"
        case "boolean":
            return "y or n"
        case "integer" | "number":
            return "a number"
        case _:
            return "number of your choice" if options else "your answer"


def _value(part: JsonObject, options: list[tuple[str, str]], entered: str) -> JsonValue:
    """What was meant, None if nothing sensible."""
    match part.get("type"):
        case "array":
            chosen = [_chosen(options, word) for word in entered.replace(",", " ").split()]
            return None if None in chosen else [*dict.fromkeys(chosen)]
        case "boolean":
            return {"y": True, "yes": True, "n": False, "no": False}.get(entered.lower())
        case "integer":
            return int(entered) if entered.lstrip("+-").isdecimal() else None
        case "number":
            try:
                return float(entered)
            except ValueError:
                return None
        case _:
            return _chosen(options, entered) if options else entered


def _chosen(options: list[tuple[str, str]], word: str) -> str | None:
    if word.isdecimal() and 1 <= int(word) <= len(options):
        return options[int(word) - 1][0]
    return None


def _options(part: JsonObject) -> list[tuple[str, str]]:
    """Values and labels, in each of the ways a schema may say them."""
    found: list[tuple[str, str]] = []
    for holder in (part, _object(part.get("items"))):
        for key in ("oneOf", "anyOf"):
            for one in _list(holder.get(key)):
                option = _object(one)
                found.append((str(option.get("const")), str(option.get("title"))))
        found += [(str(value), str(value)) for value in _list(holder.get("enum"))]
    return found


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
