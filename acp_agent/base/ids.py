"""Identifiers: one type each, so that they cannot be confused, and one source, so that tests can fix them."""

from __future__ import annotations

import os
from typing import NewType, Protocol

SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", str)
MessageId = NewType("MessageId", str)
ToolCallId = NewType("ToolCallId", str)
CompactionId = NewType("CompactionId", str)


class IdSource(Protocol):
    """Where identifiers come from."""

    def __call__(self, prefix: str) -> str:
        """A new identifier that starts with `prefix` and `_`."""
        ...


def random_id(prefix: str) -> str:
    """An unguessable id such as `sess_3f9c…`; 128 bits, URL-safe, never reused."""
    return f"{prefix}_{os.urandom(16).hex()}"


def counting_ids() -> IdSource:
    """A deterministic source for tests: `sess_1`, `msg_2`, ..."""
    count = 0

    def next_id(prefix: str) -> str:
        nonlocal count
        count += 1
        return f"{prefix}_{count}"

    return next_id
