"""Memories for as long as the process lives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from acp_agent.base.clock import Clock, utc_now
from acp_agent.engine.memory.relevance import (
    USUAL,
    Weights,
    best_matches,
    important,
    newest,
    relevance,
    tagged,
    words_of_item,
)
from acp_agent.model.memory import MemoryItem

if TYPE_CHECKING:
    from acp_agent import ports

MAX_ITEMS = 2_000
"""Items that are kept; the least relevant go first."""


class InMemoryStore:
    """Memories in a dictionary, at most `max_items` of them."""

    def __init__(
        self, *, clock: Clock = utc_now, weights: Weights = USUAL, max_items: int = MAX_ITEMS
    ) -> None:
        self._clock = clock
        self._weights = weights
        self._max_items = max_items
        self._items: dict[str, MemoryItem] = {}
        self._words: dict[str, frozenset[str]] = {}

    async def store(self, item: MemoryItem) -> None:
        """Keep it, in place of what was kept under its id."""
        self._items[item.id] = item
        self._words[item.id] = words_of_item(item)
        for memory_id in superfluous(self._items, self._max_items, self._clock(), self._weights):
            await self.delete(memory_id)

    async def retrieve(self, memory_id: str) -> MemoryItem | None:
        """The one of this id."""
        return self._items.get(memory_id)

    async def search(self, query: str, limit: int) -> list[MemoryItem]:
        """Those that share words with the query, the best first."""
        return best_matches(
            self._items.values(),
            query,
            limit,
            now=self._clock(),
            weights=self._weights,
            words=lambda item: self._words[item.id],
        )

    async def search_by_tags(self, tags: Sequence[str], limit: int) -> list[MemoryItem]:
        """Those with one of the tags or more, the most relevant first."""
        return tagged(self._items.values(), tags, limit, now=self._clock(), weights=self._weights)

    async def get_recent(self, limit: int) -> list[MemoryItem]:
        """The newest ones, the last one first."""
        return newest(self._items.values(), limit)

    async def get_important(self, threshold: float, limit: int) -> list[MemoryItem]:
        """Those of at least this importance, the most important first."""
        return important(self._items.values(), threshold, limit)

    async def note_recall(self, memory_ids: Sequence[str], at: datetime) -> None:
        """Count one more recall of each."""
        for memory_id in memory_ids:
            item = self._items.get(memory_id)
            if item is not None:
                self._items[memory_id] = recalled(item, at)

    async def delete(self, memory_id: str) -> bool:
        """Forget it; False if there is none of this id."""
        self._words.pop(memory_id, None)
        return self._items.pop(memory_id, None) is not None

    async def clear(self) -> int:
        """Forget everything; how much that was."""
        n_items = len(self._items)
        self._items.clear()
        self._words.clear()
        return n_items

    async def count(self) -> int:
        """How many there are."""
        return len(self._items)

    def problems(self) -> tuple[str, ...]:
        """There are none."""
        return ()


def recalled(item: MemoryItem, at: datetime) -> MemoryItem:
    """The item after one more recall."""
    return msgspec.structs.replace(item, access_count=item.access_count + 1, last_accessed=at)


def superfluous(items: dict[str, MemoryItem], max_items: int, now: datetime, weights: Weights) -> list[str]:
    """The ids of the least relevant items, as many as there are too many; never the one stored last."""
    n_over = len(items) - max_items
    if n_over <= 0:
        return []
    *earlier, _ = items.values()
    return [item.id for item in sorted(earlier, key=lambda item: relevance(item, now, weights))[:n_over]]


if TYPE_CHECKING:
    _: type[ports.MemoryStore] = InMemoryStore
