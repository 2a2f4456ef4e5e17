"""What is remembered, and where: the options' store as the engine sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import msgspec

from acp_agent import ports
from acp_agent.base.clock import Clock
from acp_agent.engine.memory.relevance import Weights
from acp_agent.engine.memory.tiers import USUAL, MemoryConfig
from acp_agent.model.memory import MemoryItem
from acp_agent.sdk.embed.options.given import NotNegative, Positive, converted
from acp_agent.sdk.embed.options.memory import MemoryStore
from acp_agent.sdk.embed.options.session_options import SessionOptions
from acp_agent.sdk.embed.sessions.calling import called
from acp_agent.stores.memories import MAX_ITEMS, InMemoryStore, recalled
from acp_agent.stores.memory_files import FileMemoryStore


class HostMemoryStore:
    """Such a store as the engine sees it. What it raises is a `PersistenceFailed`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def store(self, item: MemoryItem) -> None:
        """Keep it."""
        await called(self._store.store, item)

    async def retrieve(self, memory_id: str) -> MemoryItem | None:
        """The one of this id."""
        found = await called(self._store.retrieve, memory_id)
        return None if found is None else _item(found)

    async def search(self, query: str, limit: int) -> list[MemoryItem]:
        """Those that are about the query."""
        return _items(await called(self._store.search, query, limit))

    async def search_by_tags(self, tags: Sequence[str], limit: int) -> list[MemoryItem]:
        """Those with one of the tags or more."""
        return _items(await called(self._store.search_by_tags, list(tags), limit))

    async def get_recent(self, limit: int) -> list[MemoryItem]:
        """The newest ones."""
        return _items(await called(self._store.get_recent, limit))

    async def get_important(self, threshold: float, limit: int) -> list[MemoryItem]:
        """Those of at least this importance."""
        return _items(await called(self._store.get_important, threshold, limit))

    async def note_recall(self, memory_ids: Sequence[str], at: datetime) -> None:
        """Store each again with one more recall."""
        for memory_id in memory_ids:
            item = await self.retrieve(memory_id)
            if item is not None:
                await self.store(recalled(item, at))

    async def delete(self, memory_id: str) -> bool:
        """Forget it."""
        return await called(self._store.delete, memory_id) is not False

    async def clear(self) -> int:
        """Forget everything."""
        n_items = await called(self._store.clear)
        return n_items if isinstance(n_items, int) else 0

    async def count(self) -> int:
        """How many there are."""
        return int(cast("int", await called(self._store.count)))

    def problems(self) -> tuple[str, ...]:
        """None that would be known of."""
        return ()


def memory_config(options: SessionOptions) -> MemoryConfig:
    """How much is remembered.

    Raises:
        ConfigInvalid: it cannot be meant so.
    """
    given = options.memory_config
    if isinstance(given, MemoryConfig):
        return given
    numbers = _numbers(given)
    return MemoryConfig(
        max_working=numbers.max_working,
        max_short_term=numbers.max_short_term,
        max_recalled=numbers.max_recalled,
        weights=Weights(
            importance=numbers.importance_weight,
            recency=numbers.recency_weight,
            decay_days=numbers.decay_days,
        ),
    )


def memory_store(options: SessionOptions, base: Path, clock: Clock) -> ports.MemoryStore | None:
    """The store that the options ask for; None if they ask for none.

    Raises:
        ConfigInvalid: its configuration cannot be used.
    """
    config = memory_config(options)
    given = options.memory_config
    max_items = MAX_ITEMS if isinstance(given, MemoryConfig) else _numbers(given).max_items
    store = options.memory_store if options.memory_store is not None else options.memory
    if store is False:
        return None
    if options.memory_dir is not None and store in (None, True):
        directory = base / options.memory_dir
        return FileMemoryStore(directory, clock=clock, weights=config.weights, max_items=max_items)
    if store is None:
        return None
    if store is True:
        return InMemoryStore(clock=clock, weights=config.weights, max_items=max_items)
    if isinstance(store, InMemoryStore | FileMemoryStore):
        return store
    return HostMemoryStore(store)


class _Numbers(msgspec.Struct, frozen=True, kw_only=True):
    max_working: NotNegative = USUAL.max_working
    max_short_term: NotNegative = USUAL.max_short_term
    max_recalled: NotNegative = USUAL.max_recalled
    importance_weight: Annotated[float, msgspec.Meta(ge=0)] = USUAL.weights.importance
    recency_weight: Annotated[float, msgspec.Meta(ge=0)] = USUAL.weights.recency
    decay_days: Annotated[float, msgspec.Meta(gt=0)] = USUAL.weights.decay_days
    max_items: Positive = MAX_ITEMS


def _numbers(given: Mapping[str, object] | None) -> _Numbers:
    return converted(given or {}, _Numbers, "`memory_config`")


def _items(found: object) -> list[MemoryItem]:
    return [_item(item) for item in cast("Sequence[object]", found or ())]


def _item(found: object) -> MemoryItem:
    return found if isinstance(found, MemoryItem) else msgspec.convert(found, MemoryItem)


if TYPE_CHECKING:
    _: type[ports.MemoryStore] = HostMemoryStore
