"""Which process writes a session: whoever holds the lock on its file. The system frees it when it dies."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from acp_agent.base import jsontext
from acp_agent.base.errors import SessionInUse, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.stores.disk import Disk
from acp_agent.stores.file_names import file_name

_EVERYTHING = "~everything.lock"
_ATTEMPTS, _PAUSE = 500, 0.01

_LOCKED_BYTE = 1 << 20
"""Windows keeps others from reading what is locked, so that lies beyond what the file says."""


class _Holder(msgspec.Struct):
    """What a lock file says, for people; the lock itself is what counts."""

    process: int
    host: str


class Claims:
    """The sessions one store holds, each as a locked file in `directory`, which is made when needed.

    A second object on the same directory is as much a stranger as another process.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[SessionId, tuple[Path, int]] = {}

    def holds(self, session_id: SessionId) -> bool:
        """Whether the session was claimed here."""
        return session_id in self._held

    def claim(self, session_id: SessionId) -> None:
        """Lock the session.

        Raises:
            SessionInUse: somebody else holds it.
            StoreError: its file cannot be made or locked.
        """
        if session_id not in self._held:
            path = self._path(session_id)
            with _mapped(path):
                self._held[session_id] = path, _locked(path, session_id)

    def release(self, session_id: SessionId) -> None:
        """Unlock the session, if it is held."""
        held = self._held.pop(session_id, None)
        if held is not None:
            with _mapped(held[0]):
                _give_back(*held)

    def release_all(self) -> None:
        """Unlock everything."""
        for session_id in list(self._held):
            self.release(session_id)

    def check(self, session_id: SessionId) -> None:
        """Return if nobody else holds the session at this moment; costs next to nothing.

        Raises:
            SessionInUse: somebody else holds it.
        """
        if session_id not in self._held and self._path(session_id).exists():
            with self.held(session_id):
                return

    @contextmanager
    def held(self, session_id: SessionId) -> Generator[None]:
        """Hold the session inside, and afterwards if it was held before.

        Raises:
            SessionInUse: somebody else holds it.
        """
        if session_id in self._held:
            yield
            return
        self.claim(session_id)
        try:
            yield
        finally:
            self.release(session_id)

    @contextmanager
    def held_name(self, name: str) -> Generator[None]:
        """Hold the session with this file name inside.

        Raises:
            SessionInUse: somebody holds it, this object included.
        """
        path = self._directory / f"{name}.lock"
        with _mapped(path):
            file = _locked(path, SessionId(name))
        try:
            yield
        finally:
            with _mapped(path):
                _give_back(path, file)

    @contextmanager
    def everything(self) -> Generator[None]:
        """Be the only one inside, of all who use this directory; waits some seconds for others.

        Raises:
            StoreError: somebody stays inside for too long.
        """
        path = self._directory / _EVERYTHING
        attempts_left = _ATTEMPTS
        while True:
            try:
                with _mapped(path):
                    file = _locked(path, SessionId(""))
                break
            except SessionInUse as exc:
                attempts_left -= 1
                if not attempts_left:
                    raise StoreError(
                        f"session store `{self._directory.parent}` is locked by "
                        f"{exc.holder or 'another process'}; end that process"
                    ) from exc
                time.sleep(_PAUSE)
        try:
            yield
        finally:
            with _mapped(path):
                _give_back(path, file)

    def sweep(self) -> int:
        """Remove the files of processes that died; returns how many there were."""
        n_removed = 0
        held = {path for path, _ in list(self._held.values())}
        for path in self._directory.glob("*.lock"):
            if path in held or path.name == _EVERYTHING:
                continue
            with suppress(SessionInUse), _mapped(path):
                _give_back(path, _locked(path, SessionId("")))
                n_removed += 1
        return n_removed

    def _path(self, session_id: SessionId) -> Path:
        return self._directory / f"{file_name(session_id)}.lock"


@contextmanager
def _mapped(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as exc:
        raise StoreError(
            f"cannot lock `{path}`: {exc.strerror or exc}; make its directory writable, "
            "or choose another place for the session store, on a local disk"
        ) from exc


def _locked(path: Path, session_id: SessionId) -> int:
    Disk().make_directory(path.parent)
    while True:
        file = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600)
        try:
            if not _lock(file):
                raise SessionInUse(session_id, _holder(file))
            # Whoever held it before may have removed the file between our opening and locking it.
            if _is_at(file, path):
                _sign(file)
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock(file: int) -> bool:
    if os.name == "posix":
        import fcntl  # POSIX only

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
    import msvcrt  # Windows only

    os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    except PermissionError:
        return False
    return True


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _sign(file: int) -> None:
    import platform  # lazy: not needed to list sessions

    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, jsontext.dump(_Holder(os.getpid(), platform.node())))


def _holder(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    try:
        holder = msgspec.json.decode(os.read(file, 4096), type=_Holder)
    except msgspec.DecodeError:  # it has not signed yet
        return ""
    return f"process {holder.process} on `{holder.host}`"


def _give_back(path: Path, file: int) -> None:
    # Removed while it is locked, so that nobody locks a file that is about to go. Windows removes no open
    # file: there it stays, unlocked, if somebody opens it in between.
    if os.name == "posix":
        path.unlink(missing_ok=True)
        os.close(file)
        return
    os.close(file)
    with suppress(PermissionError):
        path.unlink(missing_ok=True)
