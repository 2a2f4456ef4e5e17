"""The setting `store`: where sessions are kept, and the store that keeps them there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.sdk.settings.secret import Secret

if TYPE_CHECKING:
    from acp_agent.ports import SessionStore

_POSTGRES = ("postgresql://", "postgres://")


class StoreChoice(msgspec.Struct, frozen=True):
    """Where sessions are kept. Neither its `repr` nor its `text` shows a password.

    Attributes:
        kind: which store.
        path: the database file of `sqlite`, the directory of `file`.
        address: the database of `postgres`, with its password.
    """

    kind: Literal["memory", "sqlite", "file", "postgres"]
    path: Path | None = None
    address: Secret | None = None

    @property
    def text(self) -> str:
        """The choice as it is written in a file."""
        if self.address is not None:
            from acp_agent.stores.postgres_address import shown_address  # lazy: one store of four

            return shown_address(self.address.reveal())
        if self.path is None:
            return "memory:"
        if self.kind == "file":
            return f"file:{self.path.as_posix()}"
        return f"sqlite:///{self.path.as_posix().removeprefix('/')}"

    @property
    def folder(self) -> Path | None:
        """The directory that has to be writable, or None."""
        return self.path.parent if self.kind == "sqlite" and self.path is not None else self.path


def read_store(text: str | None, places: Places) -> StoreChoice:
    """The choice that `text` makes; None is the default, a database file in the data folder.

    Raises:
        ConfigError: the text is no store.
    """
    if text is None and places.data_dir is None:
        return StoreChoice("memory")
    if text is None or text == "sqlite":
        return StoreChoice("sqlite", _data_dir(places) / "sessions.db")
    if text == "memory:":
        return StoreChoice("memory")
    if text.startswith(_POSTGRES):
        return StoreChoice("postgres", address=Secret(text))
    scheme, _, rest = text.partition(":")
    if scheme == "sqlite" and rest.startswith("///"):
        path = _path(rest[2:], places)
        if path is not None and path.name:
            return StoreChoice("sqlite", path)
    if scheme == "file":
        path = _path(rest.removeprefix("//"), places)
        if path is not None:
            return StoreChoice("file", path)
    # What was meant for a database may have a password in it.
    shown = f"{scheme}:…" if "@" in text else text
    raise ConfigError(
        f"`store`: `{shown}` is not a store",
        hint="write `sqlite:///` and the absolute path of a file, `file:` and that of a directory, "
        "`postgresql://` and a database, or `memory:`",
    )


def open_store(choice: StoreChoice) -> SessionStore:
    """The store; nothing is opened or made before it is used."""
    if choice.address is not None:
        from acp_agent.stores.postgres import PostgresStore  # lazy: one of four

        return PostgresStore(choice.address.reveal())
    if choice.path is None:
        from acp_agent.stores.memory import MemoryStore  # lazy: one of four

        return MemoryStore()
    if choice.kind == "file":
        from acp_agent.stores.file import FileStore  # lazy: one of four

        return FileStore(choice.path)
    from acp_agent.stores.sqlite import SqliteStore  # lazy: one of four

    return SqliteStore(choice.path)


def _data_dir(places: Places) -> Path:
    if places.data_dir is None:
        raise ConfigError("`store`: `sqlite` needs a home folder", hint="set `ACP_AGENT_HOME` to a folder")
    return places.data_dir


def _path(written: str, places: Places) -> Path | None:
    """The absolute path that is written, `~` and the drive of Windows allowed, or None."""
    if re.match("/(~|[A-Za-z]:)", written):
        written = written[1:]
    path = places.expand(written)
    return path if path.is_absolute() else None
