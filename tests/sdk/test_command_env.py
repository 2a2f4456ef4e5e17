"""What commands may know of the keys in the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acp_agent.ports import RunSink
from acp_agent.sdk.agent import open_agent
from acp_agent.sdk.settings.config import load_config

SETTINGS = """
[providers.work]
type = "openai"
base_url = "https://models.example.com/v1"
api_key_env = "WORK_MODELS"
models = ["large"]
headers = { "X-Gateway" = "gateway-pass-phrase" }

[search]
kind = "brave"
api_key_env = "LOOKING_UP"
"""


class Silent:
    def output(self, text: str) -> None: ...

    def terminal(self, terminal_id: str) -> None: ...


@pytest.mark.skipif(os.name == "nt", reason="the command is POSIX shell")
async def test_a_key_does_not_reach_commands_whatever_its_variable_is_called(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(SETTINGS, encoding="utf-8")
    env = {
        "PATH": os.environ["PATH"],
        "ACP_AGENT_HOME": str(tmp_path),
        "WORK_MODELS": "correct-horse",
        "A_COPY": "correct-horse",
        "GATEWAY": "gateway-pass-phrase",
        "LOOKING_UP": "battery-staple",
        "ORDINARY": "kept",
    }
    config = load_config(cwd=None, env=env, cli={})
    sink: RunSink = Silent()
    async with open_agent(config, env=env, options={}) as agent:
        workspace = agent.workspace((tmp_path,))
        result = await workspace.run("env", cwd=tmp_path, timeout=10, output_limit=10_000, sink=sink)
    assert "ORDINARY=kept" in result.output
    names = {line.partition("=")[0] for line in result.output.splitlines()}
    assert names.isdisjoint(("WORK_MODELS", "A_COPY", "GATEWAY", "LOOKING_UP"))
