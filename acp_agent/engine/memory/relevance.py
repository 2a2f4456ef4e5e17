"""Which of many memories matter now: by importance and age, and by the words they share with a query."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

import msgspec

from acp_agent.model.memory import MemoryItem

MAX_WORDS = 400
"""Different words of one text that are compared."""

_WORD = re.compile(r"\w{3,64}")
_DAY = 86_400.0
_COMMON = frozenset(
    (
        *("the", "and", "for", "are", "but", "not", "you", "all", "any", "can", "had", "has", "have", "was"),
        *("one", "our", "out", "with", "this", "that", "from", "they", "will", "what", "when", "where"),
        *("which", "who", "how", "why", "there", "their", "then", "than", "them", "into", "your", "about"),
        *("also", "just", "like", "please", "would", "could", "should", "does", "did", "doing", "been"),
        *("being", "its", "let", "make", "made", "use", "used", "using"),
    )
)
"""Words that say nothing about what a text is about."""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """How much importance and newness count; after `decay_days` the latter is down to a third."""

    importance: float = 0.7
    recency: float = 0.3
    decay_days: float = 30.0


USUAL = Weights()


def relevance(item: MemoryItem, now: datetime, weights: Weights = USUAL) -> float:
    """How much a memory matters at this moment, whatever is asked."""
    age_days = max(0.0, (now - item.timestamp).total_seconds() / _DAY)
    return item.importance * weights.importance + math.exp(-age_days / weights.decay_days) * weights.recency


def words_of(text: str) -> frozenset[str]:
    """The words that tell a text from others, in lower case."""
    found: dict[str, None] = {}
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        if word not in _COMMON:
            found[word] = None
            if len(found) == MAX_WORDS:
                break
    return frozenset(found)


def words_of_item(item: MemoryItem) -> frozenset[str]:
    """Those of a memory, its tags among them."""
    return words_of(" ".join((*item.tags, item.content)))


def best_matches(
    items: Iterable[MemoryItem],
    query: str,
    limit: int,
    *,
    now: datetime,
    weights: Weights = USUAL,
    words: Callable[[MemoryItem], Collection[str]] = words_of_item,
) -> list[MemoryItem]:
    """Those that share words with the query: the more of its words and the more relevant, the further up."""
    wanted = words_of(query)
    ranked = [
        (shared / len(wanted) * relevance(item, now, weights), item)
        for item in items
        if (shared := len(wanted.intersection(words(item))))
    ]
    return [item for _, item in sorted(ranked, key=_place)[:limit]]


def tagged(
    items: Iterable[MemoryItem],
    tags: Iterable[str],
    limit: int,
    *,
    now: datetime,
    weights: Weights = USUAL,
) -> list[MemoryItem]:
    """Those with at least one of the tags, the most relevant first."""
    wanted = {tag.casefold() for tag in tags}
    ranked = [
        (relevance(item, now, weights), item)
        for item in items
        if any(tag.casefold() in wanted for tag in item.tags)
    ]
    return [item for _, item in sorted(ranked, key=_place)[:limit]]


def newest(items: Iterable[MemoryItem], limit: int) -> list[MemoryItem]:
    """The last ones, the last of all first."""
    return sorted(items, key=lambda item: (item.timestamp, item.id), reverse=True)[:limit]


def important(items: Iterable[MemoryItem], threshold: float, limit: int) -> list[MemoryItem]:
    """Those of at least this importance, the most important first."""
    chosen = [item for item in items if item.importance >= threshold]
    return sorted(chosen, key=lambda item: (-item.importance, -item.timestamp.timestamp(), item.id))[:limit]


def _place(ranked: tuple[float, MemoryItem]) -> tuple[float, float, str]:
    score, item = ranked
    return (-score, -item.timestamp.timestamp(), item.id)
