"""The stores that the sessions of an agent are kept in; those of the engine are opened once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

from acp_agent.base.ids import SessionId
from acp_agent.ports import SessionStore as Journals
from acp_agent.sdk.embed.errors import ConfigInvalid, PersistenceFailed, StoreMissing
from acp_agent.sdk.embed.options.session_options import SessionOptions
from acp_agent.sdk.embed.sessions.calling import called
from acp_agent.sdk.embed.stores.keeping import Keeping, KeptByEvent, KeptDirectly, KeptNowhere, KeptWhole
from acp_agent.sdk.embed.stores.session_data import ClaimingStore, JournalStore, SessionStore
from acp_agent.sdk.embed.stores.session_stores import FileSessionStore
from acp_agent.sdk.settings.store import StoreChoice, open_store

PAGE = 200
"""Sessions that are listed at once."""


class ConfiguredStore:
    """The store that the settings name."""

    def __init__(self, choice: StoreChoice) -> None:
        self._choice = choice

    def open_journals(self) -> Journals:
        """The store of the engine."""
        return open_store(self._choice)


class _Shared(NamedTuple):
    """A store of the engine that is open."""

    journals: Journals


class KnownStores:
    """Finds the store that is meant; `usual` is the one of the settings, if they name any."""

    def __init__(self) -> None:
        self.usual: SessionStore | JournalStore | None = None
        self._journals: dict[int, tuple[JournalStore, Journals]] = {}

    def use_folder(self, folder: Path) -> None:
        """Keep sessions as files in this folder, unless something else is said."""
        self.usual = FileSessionStore(folder)

    def keeping(self, options: SessionOptions) -> Keeping:
        """How a session with these options is kept."""
        store = options.session_store
        if store is None and options.file_session_store is not None:
            store = FileSessionStore(options.file_session_store)
        found = self._find(store)
        if found is None:
            return KeptNowhere()
        if not isinstance(found, _Shared):
            return KeptWhole(found)
        return KeptDirectly(found.journals) if options.auto_save else KeptByEvent(found.journals)

    async def list(self, store: SessionStore | JournalStore | None) -> list[str]:
        """The ids of the sessions in the store, or in the usual one, sorted.

        Raises:
            StoreMissing: there is none.
            PersistenceFailed: it cannot be read.
        """
        found = self._find(store)
        if found is None:
            raise StoreMissing("list_saved_sessions")
        if not isinstance(found, _Shared):
            listed = await called(found.list)
            if not isinstance(listed, list):  # pyright: ignore[reportUnnecessaryIsInstance] # stores are programs' own
                raise PersistenceFailed(
                    f"`list` of the session store returned `{type(listed).__name__}`; it has to be a `list`"
                )
            return sorted(listed)
        ids: list[str] = []
        cursor = None
        while True:
            page = await found.journals.list(cwd=None, cursor=cursor, limit=PAGE, archived=None)
            ids += [record.id for record in page.sessions]
            cursor = page.next_cursor
            if cursor is None:
                return sorted(ids)

    async def delete(self, session_id: str, store: SessionStore | JournalStore | None) -> bool:
        """Forget a session that is not open; False if there was none.

        Raises:
            SessionInUse: somebody else has it open.
            PersistenceFailed: the store cannot do so.
        """
        found = self._find(store)
        if found is None:
            return False
        if isinstance(found, _Shared):
            return await found.journals.delete(SessionId(session_id))
        claiming = isinstance(found, ClaimingStore)
        if claiming:
            await called(found.claim, session_id)
        try:
            existed = await called(found.exists, session_id)
            await called(found.delete, session_id)
        finally:
            if claiming:
                await called(found.release, session_id)
        return existed

    def has(self, store: SessionStore | JournalStore | None) -> bool:
        """Whether there is a store, this one or the usual one."""
        return store is not None or self.usual is not None

    async def aclose(self) -> None:
        """Close those of the engine."""
        for _, journals in self._journals.values():
            await journals.aclose()

    def _find(self, store: SessionStore | JournalStore | None) -> SessionStore | _Shared | None:
        store = self.usual if store is None else store
        if store is None or not hasattr(store, "open_journals"):
            if store is not None and not callable(getattr(store, "load", None)):
                raise ConfigInvalid(f"`{store}` is no store", hint="give one, such as a `FileSessionStore`")
            return cast("SessionStore | None", store)  # what opens no journals keeps whole sessions
        shared = cast("JournalStore", store)
        known = self._journals.get(id(shared))
        if known is None:
            known = self._journals[id(shared)] = (shared, shared.open_journals())
        return _Shared(known[1])
