"""The table `[memory]` and `fs_context`: off unless set, the user's own, and where memories lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.sdk.equipment import equipment, memory_folder
from acp_agent.sdk.settings.config import Config, load_config
from acp_agent.sdk.settings.trust import trust_folder


def config_of(text: str, home: Path, cwd: Path | None = None) -> Config:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(text, encoding="utf-8")
    places = Places(home / "config.toml", home / "data", home)
    return load_config(cwd=cwd, env={"ACP_AGENT_HOME": str(home)}, paths=places)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("", None),
        ("[memory]\n", None),
        ("[memory]\nenabled = false\ndir = '~/m'\n", None),
        ("[memory]\nenabled = true\n", "data/memory"),
        ("[memory]\ndir = '~/m'\n", "m"),
        ("[memory]\nenabled = true\ndir = '~/m'\n", "m"),
    ],
)
def test_memory_is_off_unless_it_is_turned_on(tmp_path: Path, text: str, folder: str | None) -> None:
    expected = None if folder is None else tmp_path / folder
    assert config_of(text, tmp_path).memory_dir == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[memory]\ndir = 'here'\n", "`memory.dir`: `here` is not an absolute path"),
        ("[memory]\nfolder = 'x'\n", "unknown key `memory.folder`"),
        ("[memory]\nenabled = 1\n", "`memory.enabled`"),
        ("fs_context = 'src'\n", "`fs_context`"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint.replace(".", r"\.")):
        config_of(text, tmp_path)


def test_a_project_never_says_what_is_remembered(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    (project / ".acp-agent").mkdir(parents=True)
    (project / ".acp-agent" / "config.toml").write_text(
        "fs_context = true\n[memory]\ndir = '/tmp/x'\n", encoding="utf-8"
    )
    untrusted = config_of("", home, project)
    assert (untrusted.memory_dir, untrusted.fs_context) == (None, False)
    trust_folder(Places(home / "config.toml", home / "data", home), project)
    trusted = config_of("", home, project)
    assert (trusted.memory_dir, trusted.fs_context) == (None, True)
    assert "`memory` has no effect" in str(trusted.ignored)


def test_sessions_get_what_is_set_and_nothing_else(tmp_path: Path) -> None:
    assert equipment(config_of("", tmp_path), tmp_path) is None
    equip = equipment(config_of("fs_context = true\n[memory]\ndir = '~/m'\n", tmp_path), tmp_path)
    assert equip is not None
    aids = equip(lambda _news: None)
    assert ([provider.name for provider in aids.providers], aids.memory is not None) == (["files"], True)
    assert not (tmp_path / "m").exists()


def test_each_folder_has_memories_of_its_own() -> None:
    here, there = memory_folder(Path("/a/my project")), memory_folder(Path("/b/my project"))
    assert here != there
    assert here.startswith("my-project-")
    assert memory_folder(Path("/")).startswith("root-")
