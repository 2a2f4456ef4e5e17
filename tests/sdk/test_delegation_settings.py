"""Settings about delegation and skills: what they say, what is refused, what a stranger's file cannot say."""

from __future__ import annotations

from pathlib import Path

import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.model.subagent import DelegationLimits
from acp_agent.sdk.settings.config import Config, load_config
from acp_agent.sdk.settings.trust import project_file, trust_folder


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config.toml", tmp_path / "data", tmp_path)


def load(places: Places, text: str = "", cwd: Path | None = None) -> Config:
    assert places.config_file is not None
    places.config_file.write_text(text, "utf-8")
    return load_config(cwd=cwd, env={}, paths=places)


def test_nothing_is_delegated_unasked_and_no_skills_come_along_unless_it_is_said(places: Places) -> None:
    config = load(places)
    assert config.delegation == DelegationLimits(
        automatic=False,
        side_by_side=True,
        by_model=True,
        min_confidence=0.72,
        max_tasks=4,
        max_at_work=8,
    )
    assert (config.builtin_skills, config.enforce_skill_tools) == (False, False)


def test_what_is_said_counts_and_what_stands_on_its_own_wins(places: Places) -> None:
    config = load(
        places,
        "auto_parallel = false\nmax_parallel_tasks = 3\nbuiltin_skills = true\n"
        "enforce_active_skill_tool_restrictions = true\n"
        "[auto_delegation]\nenabled = true\nauto_parallel = true\nallow_manual_delegation = false\n"
        "min_confidence = 0.9\nmax_tasks = 2\n",
    )
    assert config.delegation == DelegationLimits(
        automatic=True,
        side_by_side=False,
        by_model=False,
        min_confidence=0.9,
        max_tasks=2,
        max_at_work=3,
    )
    assert (config.builtin_skills, config.enforce_skill_tools) == (True, True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[auto_delegation]\nenable = true", "enable"),
        ("[auto_delegation]\nmin_confidence = 2", "min_confidence"),
        ("[auto_delegation]\nmax_tasks = 0", "max_tasks"),
        ("max_parallel_tasks = 101", "max_parallel_tasks"),
    ],
)
def test_what_cannot_be_used_is_named(places: Places, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(places, text)


def test_a_project_says_it_once_it_is_trusted(places: Places, tmp_path: Path) -> None:
    project = tmp_path / "project"
    file = project_file(project)
    file.parent.mkdir(parents=True)
    file.write_text("builtin_skills = true\n[auto_delegation]\nenabled = true\n", "utf-8")
    before = load(places, cwd=project)
    assert (before.delegation, before.builtin_skills) == (DelegationLimits(), False)
    trust_folder(places, project)
    after = load(places, cwd=project)
    assert (after.delegation.automatic, after.builtin_skills) == (True, True)
