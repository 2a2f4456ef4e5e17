"""docs/configuration.md is complete and its examples work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acp_agent.base.paths import Places
from acp_agent.sdk.settings.config import load_config
from acp_agent.sdk.settings.file import (
    LimitsTable,
    McpServerTable,
    ModelTable,
    PermissionsTable,
    ProviderTable,
    SettingsFile,
)
from acp_agent.sdk.settings.hooks import HookTable
from acp_agent.sdk.settings.overrides import CLI_NAMES, ENV_NAMES
from acp_agent.sdk.settings.presets import PRESETS

TEXT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
DOCS = Path(__file__).parents[2] / "docs"
FURTHER = [(DOCS / name).read_text("utf-8") for name in ("hooks.md", "limits.md")]
SNIPPETS = [snippet for page in (TEXT, *FURTHER) for snippet in re.findall(r"```toml\n(.*?)```", page, re.S)]


@pytest.mark.parametrize(
    "table",
    [SettingsFile, ProviderTable, ModelTable, McpServerTable, PermissionsTable, HookTable, LimitsTable],
)
def test_every_key_is_documented(table: type[SettingsFile]) -> None:
    assert [key for key in table.__struct_fields__ if f"`{key}`" not in TEXT] == []


def test_every_variable_and_option_is_documented() -> None:
    presets = [name for preset in PRESETS.values() for name in (preset.key_env, preset.base_url_env) if name]
    variables = ["ACP_AGENT_HOME", *ENV_NAMES.values(), *presets]
    assert [name for name in variables if f"`{name}`" not in TEXT] == []
    options = [f"--{name.replace('_', '-')}" for name in CLI_NAMES]
    assert [name for name in options if f"`{name}`" not in TEXT] == []


def test_every_variable_in_the_document_exists() -> None:
    known = {"ACP_AGENT_HOME", *ENV_NAMES.values()}
    assert set(re.findall(r"ACP_AGENT_[A-Z_]+", TEXT)) == known


def test_every_known_provider_is_documented_with_its_address() -> None:
    for name, preset in PRESETS.items():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
        assert preset.base_url in row
        assert preset.key_env in row


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_every_example_loads(snippet: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(snippet, "utf-8")
    config = load_config(cwd=None, env={"WORK_MODELS_KEY": "k"}, paths=Places(file, None, tmp_path))
    assert config.files == (file,)


def test_the_document_shows_the_defaults() -> None:
    config = load_config(cwd=None, env={}, paths=Places(None, None))
    for key in ("mode", "log_level", "sandbox"):
        assert f'| `{key}` | `"{getattr(config, key)}"` |' in TEXT
    for key in ("max_steps", "compact_at", "max_frame_mib"):
        assert f"| `{key}` | `{getattr(config, key)}` |" in TEXT
