"""What was chosen last: who wins over it, what is never taken up again, and that nothing depends on it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.paths import Places
from acp_agent.sdk.choice_keeper import ChoiceKeeper
from acp_agent.sdk.last_choice import LastChoice, read_last_choice, save_choices
from acp_agent.sdk.settings.config import Config, load_config
from tests.patience import PATIENCE

KEYS = {"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2"}
Load = Callable[..., Config]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config.toml", tmp_path / "data", tmp_path)


@pytest.fixture
def file(places: Places) -> Path:
    assert places.data_dir is not None
    return places.data_dir / "last_choice.json"


@pytest.fixture
def load(places: Places) -> Load:
    def load(toml: str = "", *, cwd: Path | None = None, **env: str) -> Config:
        assert places.config_file is not None
        places.config_file.write_text(toml, "utf-8")
        return load_config(cwd=cwd, env={**KEYS, **env}, paths=places)

    return load


def test_without_settings_the_last_choice_is_what_counts(load: Load, file: Path) -> None:
    assert load().model == "anthropic/claude-sonnet-4-5"
    save_choices(file, {"model": "openai/gpt-5-mini", "mode": "plan", "thought_level": "low"})
    config = load()
    assert (config.model, config.model_origin) == ("openai/gpt-5-mini", "your last choice")
    assert (config.mode, config.chosen) == ("plan", {"thought_level": "low"})


def test_every_setting_wins_over_the_last_choice(load: Load, file: Path, tmp_path: Path) -> None:
    save_choices(file, {"model": "openai/gpt-5-mini", "mode": "plan"})
    assert load('model = "openai/gpt-5"').model == "openai/gpt-5"
    assert load(ACP_AGENT_MODEL="openai/gpt-4.1").model == "openai/gpt-4.1"
    assert load('mode = "ask"').mode == load(ACP_AGENT_MODE="ask").mode == "ask"
    project = tmp_path / "project"
    (project / ".acp-agent").mkdir(parents=True)
    (project / ".acp-agent" / "config.toml").write_text('model = "openai/gpt-5.1"', "utf-8")
    assert load(cwd=project).model == "openai/gpt-5.1"


@pytest.mark.parametrize(
    "model",
    [
        "nobody/model",  # no such provider any more
        "openai/gpt-2",  # not on offer
        "scripted/tour",  # a stand-in
        "openrouter/x",
        "openai",
        "/",
    ],
)
def test_a_model_that_is_not_on_offer_is_not_taken_up_again(load: Load, file: Path, model: str) -> None:
    save_choices(file, {"model": model})
    assert load().model == "anthropic/claude-sonnet-4-5"


def test_a_model_whose_key_is_gone_is_not_taken_up_again(load: Load, file: Path) -> None:
    save_choices(file, {"model": "openai/gpt-5"})
    assert load(OPENAI_API_KEY="").model == "anthropic/claude-sonnet-4-5"


@pytest.mark.parametrize("mode", ["auto", "accept-edits"])
def test_no_session_begins_in_a_mode_that_changes_things_unasked(load: Load, file: Path, mode: str) -> None:
    save_choices(file, {"mode": mode})
    assert not file.exists() or mode not in file.read_text("utf-8")
    assert load().mode == "ask"
    # Nor does it if something else wrote the file, or if a careful mode was chosen before.
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"mode": mode}), "utf-8")
    assert load().mode == "ask"
    save_choices(file, {"mode": "plan"})
    save_choices(file, {"mode": mode})
    assert load().mode == "ask"


def test_it_can_be_turned_off(load: Load, file: Path) -> None:
    save_choices(file, {"model": "openai/gpt-5-mini", "mode": "plan", "thought_level": "low"})
    config = load("remember_choices = false")
    assert (config.model, config.mode, config.chosen) == ("anthropic/claude-sonnet-4-5", "ask", {})


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff", b"null", b'{"model": 5}', b'{"options": {"a": 1}}', b"x" * 2**21],
)
def test_a_file_that_is_none_is_ignored_and_said_so(
    content: bytes, places: Places, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert read_last_choice(places) == LastChoice()
    assert str(file) in caplog.text
    save_choices(file, {"thought_level": "low"})  # and it is replaced by the next choice
    assert read_last_choice(places) == LastChoice(options={"thought_level": "low"})


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
def test_a_pipe_in_its_place_is_not_waited_for(places: Places, file: Path) -> None:
    file.parent.mkdir()
    os.mkfifo(file)
    assert read_last_choice(places) == LastChoice()


def test_a_process_without_a_home_remembers_nothing() -> None:
    assert read_last_choice(Places(None, None)) == LastChoice()


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_the_file_is_readable_by_its_owner_only(file: Path) -> None:
    save_choices(file, {"model": "openai/gpt-5"})
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_choices_of_several_processes_add_up(file: Path, places: Places) -> None:
    save_choices(file, {"model": "openai/gpt-5"})
    save_choices(file, {"thought_level": "low"})
    save_choices(file, {"thought_level": "high", "parallel_calls": False})
    found = LastChoice("openai/gpt-5", "", {"thought_level": "high", "parallel_calls": False})
    assert read_last_choice(places) == found


async def test_a_keeper_writes_what_it_was_told_last(file: Path, places: Places) -> None:
    keeper = ChoiceKeeper(file)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            for level in ("low", "medium", "high"):
                keeper.note("thought_level", level)
                await anyio.lowlevel.checkpoint()
            keeper.stop()
    assert read_last_choice(places).options == {"thought_level": "high"}


async def test_a_folder_that_cannot_be_written_disturbs_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_text("in the way", "utf-8")
    keeper = ChoiceKeeper(tmp_path / "data" / "last_choice.json")
    with anyio.fail_after(PATIENCE), caplog.at_level(logging.WARNING):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            keeper.note("model", "a/b")
            keeper.stop()
    assert "not remembered" in caplog.text
