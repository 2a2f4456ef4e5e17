from __future__ import annotations

import os
import subprocess
import sys

import anyio
import pytest

from acp_agent.testing.model_server import serve_model

ASK = """
import sys, anyio
from acp_agent.model.chat import FromUser, ModelRequest, TextDelta
from acp_agent.model.content import Text
from acp_agent.model.session import ModelInfo
from acp_agent.providers.openai import OpenAIProvider

async def main():
    provider = OpenAIProvider("test", sys.argv[1], None, ())
    request = ModelRequest(ModelInfo("test/m", "M"), "", (FromUser((Text("hi"),)),))
    async for delta in provider.stream(request):
        if isinstance(delta, TextDelta):
            print(delta.text)
    await provider.aclose()

anyio.run(main)
"""


async def said(base_url: str, **proxies: str) -> str:
    """What a process with these variables hears from a model."""
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-c", ASK, base_url]
    with anyio.fail_after(30):  # an interpreter has to start
        done = await anyio.run_process(command, env={**env, **proxies}, stderr=subprocess.STDOUT)
    return done.stdout.decode().strip()


async def test_proxy_of_the_environment_is_used() -> None:
    async with serve_model("say: through") as proxy:
        assert await said("http://model.invalid/v1", HTTP_PROXY=proxy.url) == "through"
        assert proxy.requests[0].headers["host"] == "model.invalid"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
async def test_proxy_is_not_used_for_this_machine(variable: str) -> None:
    async with serve_model("say: wrong") as proxy, serve_model("say: direct") as server:
        assert await said(server.openai_url, **{variable: proxy.url}) == "direct"
        assert proxy.requests == []
