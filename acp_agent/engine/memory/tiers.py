"""One session's memory in three tiers: what it works with, what it came across, what is kept for good."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.ids import IdSource, random_id
from acp_agent.engine.memory.relevance import Weights, best_matches, newest, relevance, tagged
from acp_agent.engine.security.redaction import redacted
from acp_agent.model.context import ContextNews, MemoriesSearched, MemoryCleared, MemoryRecalled, MemoryStored
from acp_agent.model.memory import MemoryItem, MemoryKind, MemoryTier
from acp_agent.ports import MemoryStore

MAX_CONTENT = 4_000
"""Characters of one memory; what is beyond is cut."""

MAX_ALIKE = 10
"""Memories most like a new one that are looked at for one that says the same."""

SUCCESS_IMPORTANCE = 0.8
FAILURE_IMPORTANCE = 0.9


class MemoryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How much is remembered, and what counts.

    Attributes:
        max_working: items of the task at hand.
        max_short_term: items of the session.
        max_recalled: items a turn is given.
        weights: how relevance is worked out.
    """

    max_working: int = 10
    max_short_term: int = 100
    max_recalled: int = 5
    weights: Weights = Weights()


USUAL = MemoryConfig()


def tell_nobody(_news: ContextNews) -> None:
    """For a memory that nobody listens to."""


class Memory:
    """What one session remembers. The long-term tier may be shared; the other two are its own.

    Nothing secret is kept: contents and tags are redacted before they reach any tier. `tell` is told of what
    is stored, found and forgotten. Methods raise what the store raises.
    """

    def __init__(
        self,
        store: MemoryStore,
        *,
        config: MemoryConfig = USUAL,
        clock: Clock = utc_now,
        new_id: IdSource = random_id,
        tell: Callable[[ContextNews], None] = tell_nobody,
    ) -> None:
        self.store = store
        self.config = config
        self._clock = clock
        self._new_id = new_id
        self._tell = tell
        self._working: deque[MemoryItem] = deque(maxlen=config.max_working)
        self._short_term: deque[MemoryItem] = deque(maxlen=config.max_short_term)

    @property
    def working(self) -> tuple[MemoryItem, ...]:
        """What the session works with, the oldest first."""
        return tuple(self._working)

    @property
    def short_term(self) -> tuple[MemoryItem, ...]:
        """What the session came across, the oldest first."""
        return tuple(self._short_term)

    async def remember(
        self, content: str, kind: MemoryKind, importance: float, tags: Iterable[str] = ()
    ) -> MemoryItem:
        """Keep something; what is `working` is gone with the session.

        What says the same as something that is kept for good takes its place, id and recalls included.

        Raises:
            StoreError: it cannot be kept for good; the session remembers it all the same.
        """
        item = MemoryItem(
            id=self._new_id("mem"),
            content=redacted(content)[:MAX_CONTENT],
            memory_type=kind,
            importance=min(1.0, max(0.0, importance)),
            timestamp=self._clock(),
            tags=tuple(dict.fromkeys(redacted(tag) for tag in tags if tag)),
        )
        if kind == "working":
            self._working.append(item)
        else:
            self._short_term.append(item)
            item = await self._kept_once(item)
        self._tell(MemoryStored(item.id, item.memory_type, item.importance, item.tags))
        return item

    async def remember_success(self, task: str, tools: Sequence[str], result: str) -> MemoryItem:
        """Keep how something was done."""
        used = f"\nTools: {', '.join(tools)}" if tools else ""
        content = f"Done: {task}{used}\nResult: {result}"
        return await self.remember(content, "procedural", SUCCESS_IMPORTANCE, ("success", *tools))

    async def remember_failure(self, task: str, error: str, tools: Sequence[str] = ()) -> MemoryItem:
        """Keep what went wrong."""
        used = f"\nTools: {', '.join(tools)}" if tools else ""
        content = f"Failed: {task}{used}\nError: {error}"
        return await self.remember(content, "episodic", FAILURE_IMPORTANCE, ("failure", *tools))

    async def find_similar(self, query: str, limit: int) -> list[MemoryItem]:
        """What shares words with the query, of all tiers, the best first; `note_recall` is to follow."""
        now, weights = self._clock(), self.config.weights
        found = _joined(self._working, self._short_term, await self.store.search(query, limit))
        best = best_matches(found, query, limit, now=now, weights=weights)
        self._tell_found(best, query=query, tags=())
        return best

    async def recall_similar(self, query: str, limit: int) -> list[MemoryItem]:
        """The same, counted as recalled."""
        items = await self.find_similar(query, limit)
        await self.note_recall(items)
        return items

    async def recall_by_tags(self, tags: Sequence[str], limit: int) -> list[MemoryItem]:
        """What has one of the tags, of all tiers, the most relevant first."""
        now, weights = self._clock(), self.config.weights
        found = _joined(self._working, self._short_term, await self.store.search_by_tags(tags, limit))
        best = tagged(found, tags, limit, now=now, weights=weights)
        self._tell_found(best, query=None, tags=tuple(tags))
        await self.note_recall(best)
        return best

    async def note_recall(self, items: Sequence[MemoryItem]) -> None:
        """Count one more recall of each."""
        if items:
            await self.store.note_recall([item.id for item in items], self._clock())

    async def recent(self, limit: int) -> list[MemoryItem]:
        """What was remembered last, of all tiers, the last one first."""
        found = _joined(self._working, self._short_term, await self.store.get_recent(limit))
        return newest(found, limit)

    async def forget(self, memory_id: str) -> bool:
        """Forget one thing; False if there is none of this id."""
        known = await self.store.delete(memory_id)
        for tier in (self._working, self._short_term):
            for item in [item for item in tier if item.id == memory_id]:
                tier.remove(item)
                known = True
        return known

    async def clear(self, tier: MemoryTier) -> int:
        """Forget a tier; how many things that were."""
        match tier:
            case "working":
                n_items = len(self._working)
                self._working.clear()
            case "short_term":
                n_items = len(self._short_term)
                self._short_term.clear()
            case "long_term":
                n_items = await self.store.clear()
        self._tell(MemoryCleared(tier, n_items))
        return n_items

    async def _kept_once(self, item: MemoryItem) -> MemoryItem:
        """Keep it for good, in place of what says the same; what it is now."""
        alike = await self.store.search(item.content, MAX_ALIKE)
        twin = next((one for one in alike if _says(one) == _says(item)), None)
        if twin is not None:
            for known in [one for one in self._short_term if one.id in (item.id, twin.id)]:
                self._short_term.remove(known)
            item = msgspec.structs.replace(
                item,
                id=twin.id,
                importance=max(item.importance, twin.importance),
                tags=tuple(dict.fromkeys((*twin.tags, *item.tags))),
                access_count=twin.access_count,
                last_accessed=twin.last_accessed,
            )
            self._short_term.append(item)
        await self.store.store(item)
        return item

    def _tell_found(self, items: Sequence[MemoryItem], *, query: str | None, tags: tuple[str, ...]) -> None:
        now = self._clock()
        self._tell(MemoriesSearched(query, tags, len(items)))
        for item in items:
            self._tell(MemoryRecalled(item.id, item.content, relevance(item, now, self.config.weights)))


def _says(item: MemoryItem) -> tuple[MemoryKind, str]:
    return item.memory_type, item.content


def _joined(*tiers: Iterable[MemoryItem]) -> list[MemoryItem]:
    """Each item once, as the tier named last has it."""
    return list({item.id: item for tier in tiers for item in tier}.values())
