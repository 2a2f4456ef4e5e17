"""The pre-flight says of an entry what the registry's own checks would, and of the agent too."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from acp_agent import __version__
from acp_agent.base.errors import ConfigError
from acp_agent.cli.main import main
from acp_agent.conformance.registry.preflight import preflight
from tests.conformance.agents import agent_of

OURS = Path(__file__).parent.parent.parent / "docs" / "registry" / "acp-agent"
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16">'
    '<path fill="currentColor" stroke="none" d="M0 0h16v16z"/></svg>'
)
TARGET = {"archive": "https://example.org/releases/v1.2.3/agent.zip", "cmd": "./agent"}
LOGIN = 'reply(frame, {"protocolVersion": 1, "authMethods": [{"id": "login", "name": "Log in"}]})'


def entry(folder: Path, icon: str | None = ICON, **changes: Any) -> Path:
    """An entry without fault, but for the changes; None takes a field away."""
    place = folder / "my-agent"
    place.mkdir()
    fields = {
        "id": "my-agent",
        "name": "My agent",
        "version": "1.2.3",
        "description": "It does things.",
        "authors": ["me"],
        "license": "MIT",
        "distribution": {"uvx": {"package": "my-agent==1.2.3", "args": ["--acp"]}},
        **changes,
    }
    kept = {name: value for name, value in fields.items() if value is not None}
    (place / "agent.json").write_text(json.dumps(kept), encoding="utf-8")
    if icon is not None:
        (place / "icon.svg").write_text(icon, encoding="utf-8")
    return place


async def failures(place: Path, command: Sequence[str] = ()) -> dict[str, str]:
    report = await preflight(place, command)
    return {
        item.id.removeprefix("registry."): item.reason for item in report.outcomes if item.verdict == "fail"
    }


async def test_a_faultless_entry_passes_and_what_needs_the_agent_is_skipped(tmp_path: Path) -> None:
    report = await preflight(entry(tmp_path) / "agent.json")
    assert report.conforms
    assert {item.id for item in report.outcomes if item.verdict == "skipped"} == {
        *("registry.keyless", "registry.first-line", "registry.login"),
        *("registry.session", "registry.same-version"),
    }


@pytest.mark.parametrize(
    ("changes", "rule", "reason"),
    [
        ({"description": None}, "required-fields", "`description` is missing"),
        ({"id": "My_Agent"}, "id", "`My_Agent` does not fit"),
        ({"id": "other"}, "id", "`other` lies in the folder `my-agent`"),
        ({"version": "1.2"}, "version", "`1.2` is no version"),
        ({"website": "example"}, "types", "`website` is no URL"),
        ({"authors": "me"}, "types", "`authors` is no list"),
        ({"license": None}, "about", "`license` is missing"),
        ({"distribution": {"pip": {}}}, "distribution", "`pip` is no way"),
        ({"distribution": {"npx": {"args": []}}}, "distribution", "names no package"),
        (
            {"distribution": {"uvx": {"package": "a==1.2.3", "args": "x"}}},
            "distribution",
            "arguments of `uvx`",
        ),
        ({"distribution": {"uvx": {"package": "a==1.2.3", "env": {"A": 1}}}}, "distribution", "environment"),
        ({"distribution": {"binary": {"amiga": TARGET}}}, "distribution", "`amiga` is no platform"),
        ({"distribution": {"binary": {"linux-x86_64": {"cmd": "a"}}}}, "distribution", "is no URL"),
        ({"distribution": {"npx": {"package": "@me/agent@latest"}}}, "pinned", "has no version"),
        ({"distribution": {"npx": {"package": "@me/agent"}}}, "pinned", "has no version"),
        ({"distribution": {"uvx": {"package": "a==1.2.4"}}}, "pinned", "`a==1.2.4` is not version 1.2.3"),
        (
            {"version": "1.2.4", "distribution": {"binary": {"linux-x86_64": TARGET}}},
            "pinned",
            "the archive for linux-x86_64 is version 1.2.3",
        ),
        (
            {"distribution": {"binary": {"linux-x86_64": {**TARGET, "archive": "https://e.org/a.deb"}}}},
            "archives",
            "is an installer",
        ),
        ({"distribution": {"binary": {"linux-x86_64": TARGET}}}, "every-system", "none for darwin"),
    ],
)
async def test_each_fault_of_an_entry_is_told(
    changes: dict[str, Any], rule: str, reason: str, tmp_path: Path
) -> None:
    assert reason in (await failures(entry(tmp_path, **changes)))[rule]


@pytest.mark.parametrize(
    ("icon", "rule", "reason"),
    [
        (None, "icon", "there is no `icon.svg`"),
        ("<svg", "icon", "it is no XML"),
        ("<html/>", "icon", "its root is `html`"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "icon", "it defines entities"),
        (ICON.replace('width="16"', 'width="24"'), "icon-size", "it is 24 by 16"),
        (ICON.replace('width="16" height="16"', 'viewBox="0 0 32 32"'), "icon-size", "it is 32 by 32"),
        (ICON.replace('width="16"', ""), "icon-size", "neither a width"),
        (ICON.replace("currentColor", "#f00"), "icon-color", "`#f00` is a color of its own; nothing is"),
        (ICON.replace("<path", "<style>a { stroke: red }</style><path"), "icon-color", "`red`"),
        (ICON.replace("<path", '<path style="fill:blue"'), "icon-color", "`blue`"),
        (ICON.replace("<path", "<!-- a --><path"), "icon-comments", "it has one"),
    ],
)
async def test_each_fault_of_an_icon_is_told(
    icon: str | None, rule: str, reason: str, tmp_path: Path
) -> None:
    assert reason in (await failures(entry(tmp_path, icon)))[rule]


@pytest.mark.parametrize(
    ("code", "rule", "reason"),
    [
        ("sys.exit()", "keyless", "the agent ended"),
        ('print("welcome", flush=True)\n' + LOGIN, "first-line", "it is `welcome`"),
        (LOGIN, "session", 'it is answered with {"protocolVersion":1'),
        ('reply(frame, {"protocolVersion": 1, "authMethods": []})', "login", "there is none at all"),
        (LOGIN.replace('"id"', '"type": "env_var", "id"'), "login", "all need what"),
        (
            LOGIN.replace('"authMethods"', '"agentInfo": {"name": "a", "version": "9"}, "authMethods"'),
            "same-version",
            "it says it is 9",
        ),
    ],
)
async def test_each_fault_of_the_agent_is_told(code: str, rule: str, reason: str, tmp_path: Path) -> None:
    assert reason in (await failures(entry(tmp_path), agent_of(code, tmp_path)))[rule]


async def test_the_agent_is_started_with_an_empty_home_the_entrys_environment_and_no_keys(
    tmp_path: Path,
) -> None:
    code = (
        "import os\n"
        "assert os.environ['TERM'] == 'dumb' and os.environ['MODE'] == 'acp'\n"
        "assert not [name for name in os.environ if 'KEY' in name or 'PROXY' in name.upper()]\n"
        "assert os.listdir(os.environ['HOME']) == ['tmp']\n" + LOGIN
    )
    distribution = {"uvx": {"package": "my-agent==1.2.3", "env": {"MODE": "acp"}}}
    found = await failures(entry(tmp_path, distribution=distribution), agent_of(code, tmp_path))
    assert set(found) == {"session"}


async def test_what_is_no_entry_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the registry entry"):
        await preflight(tmp_path)
    (tmp_path / "agent.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no JSON object"):
        await preflight(tmp_path)


async def test_our_own_entry_lacks_nothing_but_a_distribution_and_names_this_version() -> None:
    # The package index knows somebody else's package by our name: until there is one of ours, the entry
    # names none, and is not to be handed in.
    assert await failures(OURS, [sys.executable, "-m", "acp_agent"]) == {
        "required-fields": "`distribution` is missing",
        "distribution": "there is none",
    }
    told = json.loads((OURS / "agent.json").read_text(encoding="utf-8"))
    assert told["version"] == __version__
    assert "distribution" not in told


def test_the_command_tries_an_entry_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conformance", "--preflight", str(entry(tmp_path))]) == 0
    assert "My agent 1.2.3 conforms" in capsys.readouterr().out
    assert main(["conformance", "--preflight", str(OURS)]) == 1
    assert "`distribution` is missing" in capsys.readouterr().out
