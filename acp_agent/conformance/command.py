"""The command of a program under test, so written that it can be started in any folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from acp_agent.base.errors import ConfigError


def whole_command(words: Sequence[str]) -> list[str]:
    """The command with whole paths: of its program, and of files here that it names (`agent.py`).

    Raises:
        ConfigError: there is no such program.
    """
    name = words[0] if words else ""
    program = shutil.which(name)
    if program is None:
        raise ConfigError(f"`{name}` is no program", hint="check the command, and `PATH`")
    return [str(Path(program).absolute()), *map(_place, words[1:])]


def _place(word: str) -> str:
    """A word as it is, or the whole path of the file here that it names: `agent.py`, `bin/agent`."""
    path = Path(word)
    names_file = (path.suffix or path.parent.name) and path.is_file()
    return str(path.absolute()) if names_file else word
