"""What a model is given besides the conversation, and what is told of finding it."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from acp_agent.model.memory import MemoryKind, MemoryTier
from acp_agent.model.verification import Verified


class ContextItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something a model may want to know.

    Attributes:
        source: where it is from, such as a URI; the title if empty.
        priority: items with more of it are given first.
        tokens: its size; estimated if 0.
    """

    title: str
    text: str
    source: str = ""
    priority: float = 0.5
    tokens: int = 0


class ContextResolving(msgspec.Struct, frozen=True, tag="context_resolving"):
    """These providers of context are being asked."""

    providers: tuple[str, ...]


class ContextResolved(msgspec.Struct, frozen=True, tag="context_resolved"):
    """So much of what they know was given to the model."""

    total_items: int
    total_tokens: int


class MemoryStored(msgspec.Struct, frozen=True, tag="memory_stored"):
    """Something was remembered."""

    memory_id: str
    memory_type: MemoryKind
    importance: float
    tags: tuple[str, ...] = ()


class MemoryRecalled(msgspec.Struct, frozen=True, tag="memory_recalled"):
    """Something came back; `relevance` is from 0 to 1."""

    memory_id: str
    content: str
    relevance: float


class MemoriesSearched(msgspec.Struct, frozen=True, tag="memories_searched"):
    """What is remembered was searched, by words or by tags."""

    query: str | None
    tags: tuple[str, ...]
    result_count: int


class MemoryCleared(msgspec.Struct, frozen=True, tag="memory_cleared"):
    """So many things were forgotten."""

    tier: MemoryTier
    count: int


ContextNews: TypeAlias = (
    ContextResolving | ContextResolved | MemoryStored | MemoryRecalled | MemoriesSearched | MemoryCleared
)
"""What is told of context and memory. It is told while it happens, and never stored."""

AidNews: TypeAlias = ContextNews | Verified
"""What is told of all that helps a session besides its model and its tools."""
