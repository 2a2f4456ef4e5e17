"""The stores that come with the library."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from acp_agent import ports
from acp_agent.base.ids import SessionId, random_id
from acp_agent.sdk.embed.errors import PersistenceFailed
from acp_agent.sdk.embed.stores.session_data import SessionData

if TYPE_CHECKING:
    from acp_agent.sdk.embed.stores.session_data import ClaimingStore, JournalStore, SessionStore
    from acp_agent.stores.claims import Claims

SUFFIX = ".json"


class FileSessionStore:
    """A folder with one readable JSON file for each session, made on demand.

    A file is replaced in one step, so it is never half written. While a session is open here, nobody else
    can resume or save it: it is locked with a file in the folder `.claims`.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._claims: Claims | None = None

    def path(self, session_id: str) -> Path:
        """The file of a session; what cannot stand in a file name is written as `%` and its number."""
        name = quote(session_id, safe=" @=+,")
        if name.startswith("."):
            name = f"%2E{name[1:]}"
        return self.directory / f"{name}{SUFFIX}"

    def save(self, data: SessionData, /) -> None:
        """Write the session's file.

        Raises:
            PersistenceFailed: it cannot be written.
        """
        path = self.path(data.id)
        draft = path.with_name(f".{random_id('save')}.tmp")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("wb") as file:
                    file.write(data.to_json())
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as exc:
            raise PersistenceFailed(f"`{path}`: cannot be written: {exc.strerror}") from exc

    def load(self, session_id: str, /) -> SessionData | None:
        """Read the session's file.

        Raises:
            PersistenceFailed: it cannot be read, or is not a session.
        """
        path = self.path(session_id)
        try:
            return SessionData.from_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise PersistenceFailed(f"`{path}`: cannot be read: {exc.strerror}") from exc
        except ValueError as exc:
            raise PersistenceFailed(f"`{path}`: is not a saved session: {exc}") from exc

    def claim(self, session_id: str, /) -> None:
        """Let nobody else save the session.

        Raises:
            SessionInUse: somebody else has it open.
        """
        self._locks().claim(SessionId(session_id))

    def release(self, session_id: str, /) -> None:
        """Let others save it."""
        self._locks().release(SessionId(session_id))

    def delete(self, session_id: str, /) -> bool:
        """Delete the session's file; False if there is none.

        Raises:
            SessionInUse: somebody else has it open.
        """
        if not self.exists(session_id):
            return False
        try:
            with self._locks().held(SessionId(session_id)):
                self.path(session_id).unlink()
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise PersistenceFailed(f"`{self.path(session_id)}`: cannot be deleted: {exc.strerror}") from exc
        return True

    def list(self) -> list[str]:
        """The ids of all sessions, sorted."""
        if not self.directory.is_dir():
            return []
        return sorted(unquote(path.name.removesuffix(SUFFIX)) for path in self.directory.glob(f"*{SUFFIX}"))

    def exists(self, session_id: str, /) -> bool:
        """Whether there is a file of this session."""
        return self.path(session_id).is_file()

    def _locks(self) -> Claims:
        if self._claims is None:
            from acp_agent.stores.claims import Claims  # lazy: only once something is saved

            self._claims = Claims(self.directory / ".claims")
        return self._claims


class MemorySessionStore:
    """Sessions as long as the program runs, for tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._saved: dict[str, SessionData] = {}

    def save(self, data: SessionData, /) -> None:
        """Keep the session."""
        with self._lock:
            self._saved[data.id] = data

    def load(self, session_id: str, /) -> SessionData | None:
        """The session, or None."""
        return self._saved.get(session_id)

    def delete(self, session_id: str, /) -> bool:
        """Forget it; False if there is none."""
        with self._lock:
            return self._saved.pop(session_id, None) is not None

    def list(self) -> list[str]:
        """The ids of all sessions, sorted."""
        with self._lock:
            return sorted(self._saved)

    def exists(self, session_id: str, /) -> bool:
        """Whether there is a session of this id."""
        return session_id in self._saved


class SqliteSessionStore:
    """A database file that editors may share: they list, load and continue its sessions."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()

    def open_journals(self) -> ports.SessionStore:
        """The store of the engine in this file."""
        from acp_agent.stores.sqlite import SqliteStore  # lazy: one of four

        return SqliteStore(self.path)


class JournalFileSessionStore:
    """A folder of journals that editors may share; see the setting `store = "file:…"`."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory).absolute()

    def open_journals(self) -> ports.SessionStore:
        """The store of the engine in this folder."""
        from acp_agent.stores.file import FileStore  # lazy: one of four

        return FileStore(self.directory)


class PostgresSessionStore:
    """A PostgreSQL database, `postgresql://…`, that several machines may share."""

    def __init__(self, address: str) -> None:
        self._address = address

    def open_journals(self) -> ports.SessionStore:
        """The store of the engine in this database."""
        from acp_agent.stores.postgres import PostgresStore  # lazy: one of four

        return PostgresStore(self._address)


if TYPE_CHECKING:
    _: type[SessionStore] = FileSessionStore
    _____: type[ClaimingStore] = FileSessionStore
    __: type[SessionStore] = MemorySessionStore
    ___: type[JournalStore] = SqliteSessionStore
    ____: type[JournalStore] = PostgresSessionStore
