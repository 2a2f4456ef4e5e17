"""The table `[memory]`: whether sessions remember beyond their conversation, and where."""

from __future__ import annotations

from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places


class MemoryTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[memory]` as written; a `dir` alone turns it on too."""

    enabled: bool | None = None
    dir: str | None = None


def read_memory(table: MemoryTable | None, places: Places) -> Path | None:
    """The folder of memories; None if nothing is to be remembered.

    Raises:
        ConfigError: the folder is not absolute, or none is named and there is no home.
    """
    if table is None or table.enabled is False or (table.enabled is None and table.dir is None):
        return None
    if table.dir is not None:
        path = places.expand(table.dir)
        if not path.is_absolute():
            raise ConfigError(f"`memory.dir`: `{table.dir}` is not an absolute path")
        return path
    if places.data_dir is None:
        raise ConfigError("`memory`: there is no home folder", hint="set `memory.dir` to a folder")
    return places.data_dir / "memory"
