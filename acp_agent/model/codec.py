"""Stored form of events: one JSON object each, tagged by type, readable by every later version."""

from __future__ import annotations

import functools
from typing import cast

import msgspec

from acp_agent.base.errors import StoreCorrupt
from acp_agent.base.jsontext import dump
from acp_agent.model.events import Event


@functools.cache
def _decoder() -> msgspec.json.Decoder[Event]:
    return msgspec.json.Decoder(cast("type[Event]", Event))


def encode_event(event: Event) -> bytes:
    """The event as one line of JSON."""
    return dump(event)


def decode_event(text: bytes | str) -> Event:
    """The event that `encode_event` wrote.

    Raises:
        StoreCorrupt: the text is not an event this version knows.
    """
    try:
        return _decoder().decode(text)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise StoreCorrupt(f"unreadable event: {exc}") from exc
