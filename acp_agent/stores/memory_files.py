"""Memories in a folder of files that are private to their user."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
from anyio import to_thread

from acp_agent.base.clock import Clock, utc_now
from acp_agent.engine.memory.relevance import (
    USUAL,
    Weights,
    best_matches,
    important,
    newest,
    tagged,
)
from acp_agent.model.memory import MemoryItem
from acp_agent.stores.disk import Disk
from acp_agent.stores.memories import MAX_ITEMS, recalled, superfluous
from acp_agent.stores.memory_folder import MemoryFolder

if TYPE_CHECKING:
    from acp_agent import ports

T = TypeVar("T")


class FileMemoryStore:
    """Memories in `directory`, which is made when the first is stored; at most `max_items` of them.

    The work is done in threads, one operation at a time.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        clock: Clock = utc_now,
        weights: Weights = USUAL,
        max_items: int = MAX_ITEMS,
        disk: Disk | None = None,
    ) -> None:
        self.directory = Path(directory).absolute()
        self._folder = MemoryFolder(self.directory, disk or Disk())
        self._clock = clock
        self._weights = weights
        self._max_items = max_items
        self._alone = threading.Lock()  # held while the folder is used

    async def store(self, item: MemoryItem) -> None:
        """Keep it, in place of what was kept under its id; it survives the machine's death."""
        await self._work(lambda: self._store(item))

    async def retrieve(self, memory_id: str) -> MemoryItem | None:
        """The one of this id."""
        return await self._work(lambda: self._folder.read(memory_id))

    async def search(self, query: str, limit: int) -> list[MemoryItem]:
        """Those that share words with the query, the best first."""

        def best(items: Iterable[MemoryItem]) -> list[MemoryItem]:
            entries = self._folder.entries
            return best_matches(
                items,
                query,
                limit,
                now=self._clock(),
                weights=self._weights,
                words=lambda item: entries[item.id].words,
            )

        return await self._chosen(best)

    async def search_by_tags(self, tags: Sequence[str], limit: int) -> list[MemoryItem]:
        """Those with one of the tags or more, the most relevant first."""
        return await self._chosen(
            lambda items: tagged(items, tags, limit, now=self._clock(), weights=self._weights)
        )

    async def get_recent(self, limit: int) -> list[MemoryItem]:
        """The newest ones, the last one first."""
        return await self._chosen(lambda items: newest(items, limit))

    async def get_important(self, threshold: float, limit: int) -> list[MemoryItem]:
        """Those of at least this importance, the most important first."""
        return await self._chosen(lambda items: important(items, threshold, limit))

    async def note_recall(self, memory_ids: Sequence[str], at: datetime) -> None:
        """Count one more recall of each, in the index only."""

        def note() -> None:
            entries = self._folder.entries
            for memory_id in memory_ids:
                entry = entries.get(memory_id)
                if entry is not None:
                    entries[memory_id] = msgspec.structs.replace(entry, item=recalled(entry.item, at))
            self._folder.write_index()

        await self._work(note)

    async def delete(self, memory_id: str) -> bool:
        """Forget it; False if there is none of this id."""

        def delete() -> bool:
            known = memory_id in self._folder.all_ids
            if known:
                self._folder.remove([memory_id])
                self._folder.write_index()
            return known

        return await self._work(delete)

    async def clear(self) -> int:
        """Forget everything, damaged items too; how much that was."""

        def clear() -> int:
            known = self._folder.all_ids
            if known:
                self._folder.remove(known)
                self._folder.write_index()
            return len(known)

        return await self._work(clear)

    async def count(self) -> int:
        """How many there are."""
        return await self._work(lambda: len(self._folder.entries))

    def problems(self) -> tuple[str, ...]:
        """What could not be read, as sentences, each told once."""
        return self._folder.take_problems()

    def _store(self, item: MemoryItem) -> None:
        self._folder.write(item)
        items = {memory_id: entry.item for memory_id, entry in self._folder.entries.items()}
        self._folder.remove(superfluous(items, self._max_items, self._clock(), self._weights))
        self._folder.write_index()

    async def _chosen(self, choose: Callable[[Iterable[MemoryItem]], list[MemoryItem]]) -> list[MemoryItem]:
        """The whole items of those that are chosen from the index."""

        def chosen() -> list[MemoryItem]:
            items = [entry.item for entry in self._folder.entries.values()]
            whole = (self._folder.read(item.id) for item in choose(items))
            return [item for item in whole if item is not None]

        return await self._work(chosen)

    async def _work(self, work: Callable[[], T]) -> T:
        def alone() -> T:
            with self._alone:
                self._folder.refresh()
                return work()

        return await to_thread.run_sync(alone, abandon_on_cancel=True)


if TYPE_CHECKING:
    _: type[ports.MemoryStore] = FileMemoryStore
