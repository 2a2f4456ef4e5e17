"""Where settings and data live: the platform's own places, or one folder named by `ACP_AGENT_HOME`.

    Linux, BSD   $XDG_CONFIG_HOME or ~/.config, and $XDG_DATA_HOME or ~/.local/share
    macOS        ~/Library/Application Support for both
    Windows      %APPDATA% for settings, %LOCALAPPDATA% for data

each with `acp-agent` below it. `ACP_AGENT_HOME` replaces all of these: `config.toml` and `data` lie in it.
Nothing is created or looked at here; only names are worked out.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError

APP = "acp-agent"


class Places(msgspec.Struct, frozen=True):
    """Files and folders of one user.

    `config_file` and `data_dir` are None for a process without any home, which then has default settings and
    keeps nothing. A shared temporary folder is no substitute: others could put their own settings there.
    """

    config_file: Path | None
    data_dir: Path | None
    home: Path | None = None

    def expand(self, path: str) -> Path:
        """`path` with a leading `~` replaced by the home folder.

        Raises:
            ConfigError: it starts with `~` and there is no home folder.
        """
        if path != "~" and not path.startswith(("~/", "~\\")):
            return Path(path)
        if self.home is None:
            raise ConfigError(f"`{path}`: there is no home folder", hint="write an absolute path")
        return self.home / path[2:]


def account_home() -> Path | None:
    """The home folder the system's account database has for this process, or None."""
    if os.name != "posix":
        return None
    import pwd  # lazy: exists on POSIX only

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def find_places(
    env: Mapping[str, str],
    *,
    platform: str = sys.platform,
    account_home: Callable[[], Path | None] = account_home,
) -> Places:
    """Work out where settings and data live.

    Editors may start the agent with nothing but `PATH` set: without `HOME` the account database is asked.

    Raises:
        ConfigError: `ACP_AGENT_HOME` is not an absolute path.
    """
    is_absolute = ntpath.isabs if platform == "win32" else posixpath.isabs

    def folder(name: str) -> Path | None:
        """The folder a variable names; an unset, empty or (as XDG wants it) relative value names none."""
        value = env.get(name, "")
        return Path(value) if is_absolute(value) else None

    home = folder("USERPROFILE" if platform == "win32" else "HOME") or account_home()
    chosen = env.get("ACP_AGENT_HOME")
    if chosen:
        root = Places(None, None, home).expand(chosen)
        if not is_absolute(str(root)):
            raise ConfigError(
                f"`ACP_AGENT_HOME`: `{chosen}` is not an absolute path",
                hint="a relative one would name another folder for every project",
            )
        return Places(root / "config.toml", root / "data", home)
    if platform == "win32":
        config = folder("APPDATA") or _below(home, "AppData", "Roaming")
        data = folder("LOCALAPPDATA") or _below(home, "AppData", "Local")
    elif platform == "darwin":
        config = data = _below(home, "Library", "Application Support")
    else:
        config = folder("XDG_CONFIG_HOME") or _below(home, ".config")
        data = folder("XDG_DATA_HOME") or _below(home, ".local", "share")
    return Places(_below(config, APP, "config.toml"), _below(data, APP), home)


def _below(folder: Path | None, *parts: str) -> Path | None:
    return None if folder is None else folder.joinpath(*parts)
