"""Profiles start known agents against the scripted model, in an environment that is nobody's."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from acp_agent.conformance.environment import bare_environment
from acp_agent.conformance.profile import Profile, bundled, filled, find_profile
from acp_agent.conformance.stage import open_stage
from tests.conformance.agents import agent_of

PROFILES = bundled()
_PLACE = re.compile(r"\{[a-z_]+\}")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/usr/bin/gemini", "--acp"], "gemini"),
        (["node", "/usr/lib/claude-agent-acp"], "claude"),
        (["codex-acp"], "codex"),
        (["opencode", "acp"], "opencode"),
        (["qwen", "--acp"], "qwen"),
        (["vibe-acp"], "vibe"),
        (["acp-agent"], "acp-agent"),
        (["something-else"], "generic"),
    ],
)
def test_a_known_agent_is_known_by_its_program(command: list[str], name: str) -> None:
    assert find_profile("", command).name == name


@pytest.mark.parametrize("name", PROFILES)
async def test_every_place_a_profile_names_is_filled(name: str, tmp_path: Path) -> None:
    profile = PROFILES[name]
    assert profile.name == name
    async with open_stage(["agent"], profile, tmp_path / "stage") as stage:
        env = stage.environment()
        written = [file for file in stage.home.rglob("*") if file.is_file()]
        texts = [*env.values(), *(file.read_text(encoding="utf-8") for file in written)]
    assert len(written) == len(profile.files)
    assert [text for text in texts if _PLACE.search(text)] == []


@pytest.mark.parametrize("name", PROFILES)
async def test_an_agent_finds_no_home_but_a_new_one_and_no_service_but_ours(
    name: str, tmp_path: Path
) -> None:
    async with open_stage(["agent"], PROFILES[name], tmp_path / "stage") as stage:
        env = stage.environment()
        written = [file.read_text(encoding="utf-8") for file in stage.home.rglob("*") if file.is_file()]
        urls = re.findall(r"https?://([^/:\"'\s]+)", "\n".join([*env.values(), *written]))
        assert set(urls) <= {"127.0.0.1"}
        for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP"):
            assert Path(env[name]).is_relative_to(stage.home)
    assert env["HOME"] != os.environ.get("HOME")


def test_nothing_of_the_users_gets_into_the_environment(tmp_path: Path) -> None:
    env = bare_environment(tmp_path)
    inherited = {name for name, value in env.items() if os.environ.get(name) == value}
    assert inherited <= {
        *("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "WINDIR"),
        *("TERM", "NO_COLOR"),
    }


TOLD = """\
import pathlib
pathlib.Path.home().joinpath("told").write_text("\\n".join(sys.argv[1:]))
reply(frame, {"protocolVersion": 1})
"""


async def test_the_flags_of_a_profile_name_places_too(tmp_path: Path) -> None:
    profile = Profile(name="mine", args=("--base-url={openai_url}", "--home", "{home}"))
    async with open_stage(agent_of(TOLD, tmp_path), profile, tmp_path / "stage") as stage:
        await stage.ready()
        url, *others = (stage.home / "told").read_text(encoding="utf-8").splitlines()
        assert others == ["--home", str(stage.home)]
    assert re.fullmatch(r"--base-url=http://127\.0\.0\.1:\d+/v1", url)


async def test_a_keyless_start_leaves_the_profiles_environment_away(tmp_path: Path) -> None:
    profile = Profile(name="mine", env={"MY_KEY": "{key}"})
    async with open_stage(["agent"], profile, tmp_path / "stage") as stage:
        assert stage.environment()["MY_KEY"].startswith("sk-")
        assert "MY_KEY" not in stage.environment(keyless=True)


def test_braces_that_name_no_place_stay_as_they_are() -> None:
    assert filled('{"url": "{url}", "other": {place}}', {"url": "u"}) == '{"url": "u", "other": {place}}'
