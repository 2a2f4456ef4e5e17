"""Where memories are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from acp_agent.model.memory import MemoryItem


class MemoryStore(Protocol):
    """Memories for good. Every method may raise `StoreError`."""

    async def store(self, item: MemoryItem) -> None:
        """Keep it, in place of what was kept under its id."""
        ...

    async def retrieve(self, memory_id: str) -> MemoryItem | None:
        """The one of this id."""
        ...

    async def search(self, query: str, limit: int) -> Sequence[MemoryItem]:
        """Those that share words with the query, the best first."""
        ...

    async def search_by_tags(self, tags: Sequence[str], limit: int) -> Sequence[MemoryItem]:
        """Those with one of the tags or more, the most relevant first."""
        ...

    async def get_recent(self, limit: int) -> Sequence[MemoryItem]:
        """The newest ones, the last one first."""
        ...

    async def get_important(self, threshold: float, limit: int) -> Sequence[MemoryItem]:
        """Those of at least this importance, the most important first."""
        ...

    async def note_recall(self, memory_ids: Sequence[str], at: datetime) -> None:
        """Count one more recall of each; a crash may lose that."""
        ...

    async def delete(self, memory_id: str) -> bool:
        """Forget it; False if there is none of this id."""
        ...

    async def clear(self) -> int:
        """Forget everything; how much that was."""
        ...

    async def count(self) -> int:
        """How many there are."""
        ...

    def problems(self) -> tuple[str, ...]:
        """What could not be read, as sentences, each told once."""
        ...
