"""Where settings and data live on each platform."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places, find_places


def places(env: Mapping[str, str], platform: str, account: Path | None = None) -> Places:
    return find_places(env, platform=platform, account_home=lambda: account)


def test_linux_follows_xdg_and_ignores_relative_values() -> None:
    home = {"HOME": "/home/me"}
    assert places(home, "linux") == Places(
        Path("/home/me/.config/acp-agent/config.toml"),
        Path("/home/me/.local/share/acp-agent"),
        Path("/home/me"),
    )
    moved = {**home, "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"}
    assert places(moved, "linux") == Places(
        Path("/c/acp-agent/config.toml"), Path("/d/acp-agent"), Path("/home/me")
    )
    assert places({**home, "XDG_CONFIG_HOME": "c", "XDG_DATA_HOME": ""}, "linux") == places(home, "linux")


def test_macos_uses_application_support() -> None:
    root = Path("/Users/me/Library/Application Support/acp-agent")
    assert places({"HOME": "/Users/me"}, "darwin") == Places(root / "config.toml", root, Path("/Users/me"))


def test_windows_uses_app_data() -> None:
    env = {"USERPROFILE": r"C:\Users\me", "APPDATA": r"C:\R", "LOCALAPPDATA": r"C:\L"}
    assert places(env, "win32") == Places(
        Path(r"C:\R") / "acp-agent" / "config.toml", Path(r"C:\L") / "acp-agent", Path(r"C:\Users\me")
    )
    home = Path(r"C:\Users\me")
    assert places({"USERPROFILE": r"C:\Users\me"}, "win32") == Places(
        home / "AppData" / "Roaming" / "acp-agent" / "config.toml",
        home / "AppData" / "Local" / "acp-agent",
        home,
    )


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_one_folder_replaces_the_platforms_places(platform: str) -> None:
    env = {"HOME": "/home/me", "XDG_DATA_HOME": "/d", "ACP_AGENT_HOME": "/a"}
    assert places(env, platform) == Places(Path("/a/config.toml"), Path("/a/data"), Path("/home/me"))
    assert places({**env, "ACP_AGENT_HOME": "~/a"}, platform).data_dir == Path("/home/me/a/data")


def test_a_relative_home_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not an absolute path"):
        places({"HOME": "/home/me", "ACP_AGENT_HOME": "a"}, "linux")


def test_without_HOME_the_account_is_asked_and_without_account_nothing_is_kept() -> None:
    assert places({"PATH": "/bin"}, "linux", Path("/home/me")) == places({"HOME": "/home/me"}, "linux")
    assert places({"PATH": "/bin"}, "linux") == Places(None, None, None)
    assert places({"ACP_AGENT_HOME": "/a"}, "linux") == Places(Path("/a/config.toml"), Path("/a/data"), None)
    with pytest.raises(ConfigError, match="there is no home folder"):
        places({"ACP_AGENT_HOME": "~/a"}, "linux")


def test_this_process_has_places() -> None:
    found = find_places({"PATH": "/bin"})
    assert found.home is None or found.home.is_absolute()
