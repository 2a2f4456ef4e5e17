"""The search service: off unless configured, and its key hidden."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.engine.agent_core import AgentParts
from acp_agent.sdk.agent import open_agent
from acp_agent.sdk.settings.config import Config, load_config
from acp_agent.sdk.settings.search import SearchConfig
from acp_agent.sdk.settings.secret import Secret


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config.toml", tmp_path / "data", tmp_path / "home")


def config_of(places: Places, toml: str, env: Mapping[str, str] | None = None) -> Config:
    assert places.config_file is not None
    places.config_file.write_text(toml, "utf-8")
    return load_config(cwd=None, env=env or {}, paths=places)


async def tool_names(config: Config, tmp_path: Path) -> list[str]:
    async with open_agent(config, env={"ACP_AGENT_HOME": str(tmp_path)}, options={}) as agent:
        names: list[str] = []

        def look(parts: AgentParts) -> AgentParts:
            names.extend(tool.spec.name for tool in parts.tools)
            return parts

        await agent.core_with(look).aclose()
        return names


KEY = "k-of-the-user"
BRAVE = '[search]\nkind = "brave"\n'


def test_it_is_off_without_configuration(places: Places) -> None:
    assert config_of(places, "").search is None
    assert config_of(places, "", {"BRAVE_API_KEY": KEY}).search is None


@pytest.mark.parametrize(
    ("toml", "env", "search"),
    [
        (BRAVE, {"BRAVE_API_KEY": KEY}, ("brave", "https://api.search.brave.com", KEY)),
        (BRAVE + 'api_key = "file"\n', {}, ("brave", "https://api.search.brave.com", "file")),
        (
            BRAVE + 'api_key = "file"\n',
            {"BRAVE_API_KEY": KEY},
            ("brave", "https://api.search.brave.com", KEY),
        ),
        (BRAVE + 'api_key_env = "MINE"\n', {"MINE": KEY}, ("brave", "https://api.search.brave.com", KEY)),
        (
            BRAVE + 'base_url = "https://proxy.example/b/"\napi_key = "file"\n',
            {"BRAVE_API_KEY": KEY},
            ("brave", "https://proxy.example/b", "file"),
        ),
        ('[search]\nkind = "tavily"\n', {"TAVILY_API_KEY": KEY}, ("tavily", "https://api.tavily.com", KEY)),
        (
            '[search]\nkind = "searxng"\nbase_url = "http://127.0.0.1:8080"\n',
            {},
            ("searxng", "http://127.0.0.1:8080", ""),
        ),
    ],
)
def test_a_service_has_its_address_and_its_key(
    places: Places, toml: str, env: Mapping[str, str], search: tuple[str, str, str]
) -> None:
    found = config_of(places, toml, env).search
    assert found is not None
    key = found.api_key.reveal() if found.api_key else ""
    assert (found.kind, found.base_url, key) == search
    assert not key or key not in repr(found)


def test_a_service_without_a_key_has_no_effect_and_that_is_said(places: Places) -> None:
    config = config_of(places, BRAVE)
    assert config.search is None
    (said,) = config.ignored
    assert said.endswith("`search` has no effect: environment variable `BRAVE_API_KEY` is not set")
    config = config_of(places, BRAVE + 'api_key_env = "MINE"\napi_key = "file"\n', {"BRAVE_API_KEY": KEY})
    assert config.search is None


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[search]\n", "`search.kind`: is missing"),
        ('[search]\nkind = "google"\n', "search.kind"),
        ('[search]\nkind = "searxng"\n', "`search.base_url`: is not an http or https URL"),
        ('[search]\nkind = "searxng"\nbase_url = "https://u:p@x.example"\n', "search.base_url"),
        ('[search]\nkind = "searxng"\nbase_url = "ftp://x.example"\n', "search.base_url"),
        (BRAVE + "engines = 1\n", "unknown key `search.engines`"),
    ],
)
def test_what_cannot_be_used_is_named(places: Places, toml: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(places, toml)
    assert message in str(caught.value)


async def test_the_tool_is_there_for_those_who_have_a_service(tmp_path: Path, places: Places) -> None:
    config = config_of(places, "")
    assert "web_search" not in await tool_names(config, tmp_path)
    config = config_of(places, BRAVE, {"BRAVE_API_KEY": KEY})
    assert config.search == SearchConfig(
        kind="brave", base_url="https://api.search.brave.com", api_key=Secret(KEY)
    )
    assert (await tool_names(config, tmp_path))[-1] == "web_search"
