"""Files that belong to the user alone: 0600, in a folder of 0700, replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

from acp_agent.base.errors import ConfigError


def write_private(path: Path, content: bytes) -> None:
    """Create or replace the file; readers see the old content or the new one.

    Raises:
        ConfigError: it cannot be written.
    """
    written = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written.unlink(missing_ok=True)
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        written.replace(path)
    except OSError as exc:
        raise ConfigError(f"`{path}`: cannot be written: {exc.strerror}") from exc
