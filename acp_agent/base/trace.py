"""Trace context: which trace the work at hand belongs to, as W3C names it, and spans that tell of its parts.

The context goes with the task, as cancellation does: whoever sends something on behalf of a prompt finds it
with `current_trace`. Without a tracer it is handed on as it came, which is what W3C asks of those who record
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TypeAlias

import msgspec

from acp_agent.base.jsontext import JsonValue

MAX_STATE = 8_192
"""Characters of `tracestate` and of `baggage` that are handed on; longer ones are dropped."""

_PARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-.*)?"
)
_MEMBER = re.compile(
    r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_MAX_MEMBERS = 32


class Trace(msgspec.Struct, frozen=True):
    """A place in a trace: the headers `traceparent`, `tracestate` and `baggage`; empty ones are absent."""

    parent: str = ""
    state: str = ""
    baggage: str = ""

    def headers(self) -> dict[str, str]:
        """What a stranger gets who works for us: not the baggage, in which clients say who they are."""
        entries = {"traceparent": self.parent, "tracestate": self.state if self.parent else ""}
        return {name: value for name, value in entries.items() if value}

    def entries(self) -> dict[str, str]:
        """All of it, under the names that `_meta` keeps for it."""
        return {**self.headers(), **({"baggage": self.baggage} if self.baggage else {})}


NO_TRACE = Trace()

Attributes: TypeAlias = Mapping[str, str | int | bool]

Note: TypeAlias = Callable[[Attributes], None]
"""Adds to what a span tells of its part."""


class Tracer:
    """Makes spans. This one makes none: what it is asked to tell of happens all the same."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[Note]:
        """The time in the context is one part of the current trace; inside, it is the current one itself.

        What the context raises is told of and goes on.
        """
        return nullcontext(_forget)

    async def aclose(self) -> None:
        """Hand over what was not sent yet; takes a second at most."""


def _forget(attributes: Attributes) -> None:
    """Nobody reads it."""


_current: ContextVar[Trace] = ContextVar("trace", default=NO_TRACE)


def current_trace() -> Trace:
    """The place in a trace that the work at hand belongs to."""
    return _current.get()


@contextmanager
def joined(trace: Trace) -> Generator[None]:
    """Inside, work belongs to this place."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


def read_trace(meta: JsonValue) -> Trace:
    """The place that a `_meta` names. What is not as W3C says is left out; nothing fails."""
    given = meta if isinstance(meta, dict) else {}
    parent = _text(given.get("traceparent"))
    match = _PARENT.fullmatch(parent)
    if match is None or (match["version"] == "00" and match["more"]):
        return Trace(baggage=_baggage(given.get("baggage")))
    return Trace(parent, _state(given.get("tracestate")), _baggage(given.get("baggage")))


def _state(value: JsonValue) -> str:
    """A `tracestate` that is whole, or nothing: half of it would mean something else."""
    members = [member.strip(" \t") for member in _text(value).split(",")]
    named = [member for member in members if member]
    keys = {member.partition("=")[0] for member in named}
    legal = len(keys) == len(named) <= _MAX_MEMBERS and all(map(_MEMBER.fullmatch, named))
    return ",".join(named) if legal else ""


def _baggage(value: JsonValue) -> str:
    text = _text(value).strip(" \t")
    return text if "=" in text else ""


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or len(value) > MAX_STATE:
        return ""
    return value if value.isascii() and value.isprintable() else ""
