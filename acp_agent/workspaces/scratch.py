"""Temporary directories that nobody else can read or write."""

from __future__ import annotations

import logging
from pathlib import Path

logger = logging.getLogger(__name__)


class Scratch:
    """Makes private temporary directories and removes them all at the end."""

    def __init__(self) -> None:
        self._made: list[Path] = []

    def directory(self) -> Path:
        """A new empty directory of which only our own user knows the content.

        Raises:
            OSError: it cannot be made.
        """
        import tempfile  # lazy: only sessions that run commands

        made = Path(tempfile.mkdtemp(prefix="acp-agent-")).resolve()
        self._made.append(made)
        return made

    def remove(self) -> None:
        """Remove what was made; what cannot be removed is left to the system's own cleaning."""
        import shutil

        while self._made:
            path = self._made.pop()
            shutil.rmtree(path, ignore_errors=True)
            if path.exists():
                logger.info("the temporary directory `%s` could not be removed completely", path)
