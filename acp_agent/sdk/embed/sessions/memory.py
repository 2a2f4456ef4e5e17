"""What a session remembers beyond its conversation, for its program."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, TypeVar

from acp_agent.base.errors import StoreError
from acp_agent.model.memory import MemoryItem, MemoryTier
from acp_agent.sdk.embed.errors import ConfigInvalid, PersistenceFailed
from acp_agent.sdk.embed.sessions.base import SessionBase

if TYPE_CHECKING:
    from acp_agent.engine.memory.tiers import Memory

T = TypeVar("T")


class SessionMemory(SessionBase):
    """Remembers and recalls. Its methods raise `ConfigInvalid` in a session without memory."""

    @property
    def has_memory(self) -> bool:
        """Whether it remembers anything beyond its conversation."""
        return self._session.aids.memory is not None

    async def remember_success(self, task: str, tools: Sequence[str], result: str) -> MemoryItem:
        """Remember how something was done.

        Raises:
            PersistenceFailed: it cannot be kept for good.
        """
        return await _kept(self._memory().remember_success(task, tools, result))

    async def remember_failure(self, task: str, error: str, tools: Sequence[str] = ()) -> MemoryItem:
        """Remember what went wrong.

        Raises:
            PersistenceFailed: it cannot be kept for good.
        """
        return await _kept(self._memory().remember_failure(task, error, tools))

    async def recall_similar(self, query: str, n: int = 5) -> list[MemoryItem]:
        """What shares words with the query, the best first, at most `n`.

        Raises:
            PersistenceFailed: the store cannot be read.
        """
        return await _kept(self._memory().recall_similar(query, n))

    async def recall_by_tags(self, tags: Sequence[str], n: int = 5) -> list[MemoryItem]:
        """What has one of the tags, such as `success` or the name of a tool; the most relevant first.

        Raises:
            PersistenceFailed: the store cannot be read.
        """
        return await _kept(self._memory().recall_by_tags(tags, n))

    async def memory_recent(self, n: int = 10) -> list[MemoryItem]:
        """What was remembered last, the last one first.

        Raises:
            PersistenceFailed: the store cannot be read.
        """
        return await _kept(self._memory().recent(n))

    async def clear_memory(self, tier: MemoryTier = "long_term") -> int:
        """Forget a tier; how many things that were.

        Raises:
            PersistenceFailed: the store cannot be emptied.
        """
        return await _kept(self._memory().clear(tier))

    def _memory(self) -> Memory:
        self._check_open()
        memory = self._session.aids.memory
        if memory is None:
            raise ConfigInvalid(
                "the session has no memory", hint="set the option `memory`, `memory_store` or `memory_dir`"
            )
        return memory


async def _kept(work: Awaitable[T]) -> T:
    try:
        return await work
    except PersistenceFailed:
        raise
    except StoreError as exc:
        raise PersistenceFailed(str(exc)) from exc
