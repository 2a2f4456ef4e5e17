"""The environment agents under test get: nothing of the user's, and all folders in a scratch home."""

from __future__ import annotations

import os
from pathlib import Path

_INHERITED = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "WINDIR")


def bare_environment(home: Path) -> dict[str, str]:
    """What lets a program run at all: no keys, no proxies, no settings; `home` is the home it finds."""
    temporary = str(home / "tmp")
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
        "TERM": "dumb",
        "NO_COLOR": "1",
    }
