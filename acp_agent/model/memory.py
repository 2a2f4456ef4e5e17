"""What is remembered from one conversation to the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec

MemoryKind: TypeAlias = Literal["episodic", "semantic", "procedural", "working"]
"""What happened, what is so, how something was done, and what counts for now only."""

MemoryTier: TypeAlias = Literal["working", "short_term", "long_term"]
"""For the task at hand, for the session, for good."""


class MemoryItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is remembered.

    Attributes:
        importance: from 0 to 1.
        timestamp: when it was remembered, UTC.
        access_count: how often it was recalled.
        last_accessed: when it was recalled last, UTC.
    """

    id: str
    content: str
    memory_type: MemoryKind
    importance: Annotated[float, msgspec.Meta(ge=0, le=1)]
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    access_count: int = 0
    last_accessed: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
