from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places, find_places
from acp_agent.cli.main import main
from acp_agent.sdk.keys import forget_keys, store_key, stored_keys
from acp_agent.sdk.settings.config import load_config
from acp_agent.sdk.settings.secret import Secret


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("ACP_AGENT_HOME", str(tmp_path))
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ACP_AGENT_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return find_places(os.environ)


def test_a_key_on_stdin_is_kept_for_the_provider_and_not_shown(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("sk-very-secret\n"))
    assert main(["login", "openai"]) == 0
    shown = capsys.readouterr()
    assert "sk-very-secret" not in shown.out + shown.err
    assert stored_keys(places) == {"openai": Secret("sk-very-secret")}


def test_no_key_is_a_usage_error(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert main(["login", "openai"]) == 2
    assert stored_keys(places) == {}


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX; run on Linux or macOS")
def test_the_key_file_is_readable_by_its_owner_only(places: Places) -> None:
    previous = os.umask(0)
    try:
        path = store_key(places, "openai", Secret("x"))
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_stored_key_makes_its_provider_usable_until_forgotten(places: Places) -> None:
    store_key(places, "openrouter", Secret("a"))
    store_key(places, "anthropic", Secret("b"))
    config = load_config(cwd=None, env=os.environ)
    assert config.model.startswith("anthropic/")
    assert config.provider("openrouter").api_key == Secret("a")
    forget_keys(places)
    assert not load_config(cwd=None, env=os.environ).provider("anthropic").usable


def test_the_environment_wins_over_a_stored_key(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    store_key(places, "openai", Secret("stored"))
    monkeypatch.setenv("OPENAI_API_KEY", "from-env")
    assert load_config(cwd=None, env=os.environ).provider("openai").api_key == Secret("from-env")


def test_a_damaged_key_file_says_what_to_do(places: Places) -> None:
    path = store_key(places, "openai", Secret("x"))
    path.write_bytes(b"[1]")
    with pytest.raises(ConfigError) as caught:
        stored_keys(places)
    assert "acp-agent login" in caught.value.hint


def test_without_a_home_a_key_cannot_be_kept_but_nothing_else_breaks() -> None:
    nowhere = Places(None, None)
    assert stored_keys(nowhere) == {}
    forget_keys(nowhere)
    with pytest.raises(ConfigError):
        store_key(nowhere, "openai", Secret("x"))


@pytest.mark.parametrize("options", [[], ["--log-level", "error"]])
def test_login_behind_a_command_that_serves_enters_a_key(
    places: Places, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("sk-very-secret\n"))
    assert main(["serve", *options, "login"]) == 0
    assert stored_keys(places) == {"anthropic": Secret("sk-very-secret")}
