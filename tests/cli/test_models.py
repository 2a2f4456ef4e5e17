"""`acp-agent models` lists what can be chosen and marks what is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acp_agent.cli.main import main
from acp_agent.cli.models import as_text
from acp_agent.cli.style import Style
from acp_agent.model.session import ModelInfo

SETTINGS = """
model = "local/big"
[providers.local]
type = "openai"
base_url = "http://localhost:1/v1"
models = ["small", { id = "big", name = "Big one", context_size = 1000 }]
[providers.keyless]
type = "openai"
base_url = "https://models.example.com/v1"
models = ["unpaid"]
"""


def test_usable_models_are_listed_and_the_chosen_one_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(SETTINGS, "utf-8")
    assert main(["models", "--json", "--config", str(file)]) == 0
    models = {model["id"]: model for model in json.loads(capsys.readouterr().out)}
    assert models["local/big"]["chosen"]
    assert (models["local/big"]["name"], models["local/big"]["context_size"]) == ("Big one", 1000)
    assert not models["local/small"]["chosen"]
    assert "keyless/unpaid" not in models


def test_text_is_aligned() -> None:
    models = [ModelInfo("a/x", "X", context_size=1_000_000), ModelInfo("bb/yy", "Y", context_size=8_000)]
    assert as_text(models, "bb/yy", Style(enabled=False)) == (
        "  a/x    1,000,000 tokens  X\n* bb/yy      8,000 tokens  Y\n"
    )
