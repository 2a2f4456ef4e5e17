"""The aids that the settings ask for: what sessions in one directory remember, and the files they search."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from acp_agent.engine.aids.aids import Aids, Equip
from acp_agent.model.context import AidNews
from acp_agent.sdk.settings.config import Config


def equipment(config: Config, cwd: Path) -> Equip | None:
    """What gives sessions in `cwd` their aids; None if the settings ask for none."""
    if config.memory_dir is None and not config.fs_context:
        return None
    memory_dir = config.memory_dir

    def equip(tell: Callable[[AidNews], None]) -> Aids:
        from acp_agent.engine.memory.tiers import Memory  # lazy: few sessions have aids
        from acp_agent.stores.memory_files import FileMemoryStore  # lazy: as above
        from acp_agent.tools.context_files import FileContext  # lazy: as above

        memory = None
        if memory_dir is not None:
            memory = Memory(FileMemoryStore(memory_dir / memory_folder(cwd)), tell=tell)
        return Aids(memory, (FileContext(),) if config.fs_context else ())

    return equip


def memory_folder(cwd: Path) -> str:
    """The folder of what is remembered in `cwd`: what was learned in one project stays in it."""
    import hashlib  # lazy: few sessions remember

    name = re.sub(r"[^A-Za-z0-9_-]+", "-", cwd.name)[:40].strip("-")
    return f"{name or 'root'}-{hashlib.sha256(str(cwd).encode(errors='surrogateescape')).hexdigest()[:16]}"
