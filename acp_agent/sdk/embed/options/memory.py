"""The options about memory: what a store of the program has to be, and the stores there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from acp_agent.engine.memory.tiers import MemoryConfig as MemoryConfig
from acp_agent.model.memory import MemoryItem as MemoryItem
from acp_agent.stores.memories import InMemoryStore as InMemoryStore
from acp_agent.stores.memory_files import FileMemoryStore as FileMemoryStore


class MemoryStore(Protocol):
    """Where a program keeps memories. Methods may be coroutines; plain ones are called in a thread."""

    def store(self, item: MemoryItem, /) -> object:
        """Keep it, in place of what was kept under its id."""
        ...

    def retrieve(self, memory_id: str, /) -> object:
        """The item of this id, or None."""
        ...

    def search(self, query: str, limit: int, /) -> object:
        """Items that are about the query, the best first."""
        ...

    def search_by_tags(self, tags: Sequence[str], limit: int, /) -> object:
        """Items with one of the tags or more."""
        ...

    def get_recent(self, limit: int, /) -> object:
        """The newest items, the last one first."""
        ...

    def get_important(self, threshold: float, limit: int, /) -> object:
        """Items of at least this importance."""
        ...

    def delete(self, memory_id: str, /) -> object:
        """Forget it; False if there is none of this id."""
        ...

    def clear(self) -> object:
        """Forget everything; how much that was, or nothing."""
        ...

    def count(self) -> object:
        """How many there are."""
        ...
