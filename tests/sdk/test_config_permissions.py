"""Permission rules in settings files: whose count, how they join, what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.engine.permission.rules import Rule, Rules, parse_rule
from acp_agent.sdk.agent import open_agent
from acp_agent.sdk.settings.config import Config, load_config
from acp_agent.sdk.settings.trust import project_file, trust_folder

USERS = """
[permissions]
allow = ["Bash(npm test)"]
ask = ["Bash(git push:*)"]
deny = ["Edit(~/keys/**)", "Bash(~/bin/x:*)"]
"""
PROJECTS = """
[permissions]
allow = ["Bash(make:*)"]
ask = ["Edit(schema/**)"]
deny = ["Bash(rm:*)"]
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "config.toml").write_text(USERS, "utf-8")
    return Places(tmp_path / "config.toml", tmp_path / "data", tmp_path / "home")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    project_file(folder).parent.mkdir(parents=True)
    return folder


def load(places: Places, project: Path | None = None, content: str = "") -> Config:
    if project:
        project_file(project).write_text(content, "utf-8")
    return load_config(cwd=project, env={}, paths=places)


def texts(rules: Rules) -> list[list[str]]:
    return [[rule.text for rule in each] for each in (rules.allow, rules.ask, rules.deny)]


def test_the_users_rules_hold_and_start_at_home(places: Places, tmp_path: Path) -> None:
    home = (tmp_path / "home").as_posix()
    edit, bash = (parse_rule(f"Edit({home}/keys/**)"), parse_rule(f"Bash({home}/bin/x:*)"))
    assert load(places).permissions == Rules(
        allow=(parse_rule("Bash(npm test)"),),
        ask=(parse_rule("Bash(git push:*)"),),
        deny=(
            Rule("Edit(~/keys/**)", "edit", edit.pattern),
            Rule("Bash(~/bin/x:*)", "bash", bash.pattern),
        ),
    )
    assert load(Places(places.config_file, None)).permissions.deny == (
        parse_rule("Edit(~/keys/**)"),
        parse_rule("Bash(~/bin/x:*)"),
    )


def test_an_untrusted_project_can_only_restrict(places: Places, project: Path) -> None:
    config = load(places, project, PROJECTS)
    assert texts(config.permissions) == [
        ["Bash(npm test)"],
        ["Bash(git push:*)", "Edit(schema/**)"],
        ["Edit(~/keys/**)", "Bash(~/bin/x:*)", "Bash(rm:*)"],
    ]
    (ignored,) = config.ignored
    assert ignored.startswith(
        f"`{project_file(project)}`: `permissions`: `allow` is without effect: the folder"
    )


def test_an_untrusted_project_that_only_restricts_is_nothing_to_complain_about(
    places: Places, project: Path
) -> None:
    assert load(places, project, '[permissions]\ndeny = ["Bash"]').ignored == ()


@pytest.mark.parametrize(
    "content", ['[permissions]\ndeny = ["Bash("]', "permissions = 5", "[permissions]\nallwo = []"]
)
def test_an_untrusted_projects_broken_rules_stop_nothing(content: str, places: Places, project: Path) -> None:
    config = load(places, project, content)
    assert config.permissions == load(places).permissions
    (ignored,) = config.ignored
    assert "`permissions`: it cannot be used and is without effect" in ignored


def test_a_trusted_projects_rules_join_the_users(places: Places, project: Path) -> None:
    project_file(project).write_text(PROJECTS, "utf-8")
    trust_folder(places, project)
    assert texts(load(places, project, PROJECTS).permissions) == [
        ["Bash(npm test)", "Bash(make:*)"],
        ["Bash(git push:*)", "Edit(schema/**)"],
        ["Edit(~/keys/**)", "Bash(~/bin/x:*)", "Bash(rm:*)"],
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('allow = ["Bash("]', "`permissions.allow`: the rule `Bash(` cannot be used: it is not written as"),
        ('deny = ["Bash()"]', "`permissions.deny`: the rule `Bash()` cannot be used: the pattern is empty"),
        ('ask = ["Bash(:*)"]', "`permissions.ask`: the rule `Bash(:*)` cannot be used: the pattern is empty"),
        ("allow = [5]", "`permissions.allow[0]`: expected `str`, got `int`"),
        ('allow = "Bash"', "`permissions.allow`: expected `list`, got `str`"),
        ('dney = ["Bash"]', "unknown key `permissions.dney`; did you mean `deny`?"),
        (f"deny = {['Bash'] * 501}", "`permissions.deny`: has more than 500 rules"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(content: str, message: str, places: Places) -> None:
    assert places.config_file is not None
    places.config_file.write_text(f"[permissions]\n{content}", "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(places)
    assert str(caught.value).startswith(f"`{places.config_file}`: {message}")


async def test_sessions_get_the_rules(places: Places, tmp_path: Path) -> None:
    env = {"ACP_AGENT_HOME": str(tmp_path), "ACP_AGENT_STORE": "memory:"}
    config = load_config(cwd=None, env=env)
    async with open_agent(config, env=env, options={}) as agent:
        assert texts(agent.defaults(tmp_path).rules) == texts(config.permissions)
        assert config.permissions.allow != ()
