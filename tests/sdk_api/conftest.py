"""A program that embeds the agent: a home, a workspace, and models that play scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.testing.model_server import ModelServer, serve_model

TALK = """\
closing: Nothing more to say.
say: Hello! You said {prompt}
usage: 100 20
when: read it
say: I read.
call: read {"path": "notes.txt"}
---
say: It says {result}
when: write it
say: I write.
call: write {"path": "made.txt", "content": "made"}
---
say: Result {result}
when: forever
wait
when: fail
error: 401 who are you
"""
"""What the scripted model says: it greets, reads, writes, waits or fails, as it is told."""


class Home:
    """Where a program lives: `workspace` has a file, `env` is all of its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        (self.workspace / "notes.txt").write_text("remember the milk\n", encoding="utf-8")
        self.store = folder / "sessions"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ACP_AGENT_HOME": str(folder / "home"),
            "ACP_AGENT_SANDBOX": "off",
        }

    def run(self, program: str, *args: str) -> str:
        """The output of a program that is started in the folder."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, *args],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def model() -> ScriptedProvider:
    return ScriptedProvider(TALK)


@pytest.fixture
def agent(home: Home) -> Generator[Agent]:
    with Agent.create({}, env=home.env) as agent:
        yield agent


@pytest.fixture
async def async_agent(home: Home) -> AsyncGenerator[AsyncAgent]:
    async with AsyncAgent.create({}, env=home.env) as agent:
        yield agent


@pytest.fixture
def serve() -> Generator[Callable[[str], ModelServer]]:
    """Starts model services in a thread of their own."""
    with start_blocking_portal() as portal:
        servers: list[AbstractContextManager[Any]] = []

        def serve(script: str) -> ModelServer:
            servers.append(portal.wrap_async_context_manager(serve_model(script)))
            return servers[-1].__enter__()

        yield serve
        for server in servers:
            server.__exit__(None, None, None)
