"""What files held before the agent wrote them, on its way from one store to another."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from acp_agent.base.errors import StoreError
from acp_agent.base.ids import SessionId
from acp_agent.model.events import Event, FileKept
from acp_agent.ports import SessionStore as Journals
from acp_agent.stores.memory import MemoryStore

logger = logging.getLogger(__name__)


class DraftStore(MemoryStore):
    """Holds in memory what is not saved yet; blobs that are, it reads where they were saved."""

    def __init__(self, saved: Journals) -> None:
        super().__init__()
        self._saved = saved

    async def get_blob(self, session_id: SessionId, blob_id: str) -> bytes:
        """The bytes, unsaved or saved."""
        try:
            return await super().get_blob(session_id, blob_id)
        except StoreError:
            return await self._saved.get_blob(session_id, blob_id)


async def blobs_of(told: Iterable[Event], store: Journals, session_id: SessionId) -> dict[str, bytes]:
    """What these events kept, by name; what cannot be read is left out, for the rest is worth having."""
    found: dict[str, bytes] = {}
    for event in told:
        if not isinstance(event, FileKept) or event.blob is None or event.blob in found:
            continue
        try:
            found[event.blob] = await store.get_blob(session_id, event.blob)
        except StoreError as exc:
            logger.warning("session %s is saved without a kept file: %s", session_id, exc)
    return found
