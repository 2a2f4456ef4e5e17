"""Agents of others, as their users install them, driven over a scripted model on loopback.

Which ones says the variable `ACP_AGENT_PUBLISHED`: commands, `;` between them.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from acp_agent.client.active_session import Update
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.permission import allow_once
from acp_agent.conformance.profile import find_profile
from acp_agent.conformance.stage import open_stage
from acp_agent.conformance.steps import Step, prompt_text, say

AGENTS = [command for command in os.environ.get("ACP_AGENT_PUBLISHED", "").split(";") if command.strip()]

pytestmark = [
    pytest.mark.skipif(
        not AGENTS,
        reason="set ACP_AGENT_PUBLISHED to commands of installed agents: `claude-agent-acp;opencode acp`",
    ),
    pytest.mark.parametrize("command", AGENTS or ["none"]),
    pytest.mark.timeout(180),
]

PATIENCE = 60.0
"""Seconds for one thing: some load a hundred megabytes before they answer."""


@asynccontextmanager
async def driven(command: str, tmp_path: Path) -> AsyncGenerator[tuple[Connection, Path]]:
    words = shlex.split(command)
    profile = find_profile("", words)
    client = Client(permissions=allow_once, hello_time=PATIENCE)
    async with open_stage(words, profile, tmp_path / "stage") as stage:
        whole = [*words, *profile.args]
        async with client.start(whole, cwd=stage.workspace, env=stage.environment()) as agent:
            with anyio.fail_after(2 * PATIENCE):
                yield agent, stage.workspace


async def test_its_words_are_read_turn_by_turn(command: str, tmp_path: Path) -> None:
    async with driven(command, tmp_path) as (agent, workspace), agent.build_session(workspace) as session:
        for words in ("The first answer.", "The second answer."):
            assert words in await session.prompt(prompt_text((say(words),)))
            assert session.conversation.stop_reason == "end_turn"


async def test_its_tools_change_files_once_they_are_allowed(command: str, tmp_path: Path) -> None:
    async with driven(command, tmp_path) as (agent, workspace), agent.build_session(workspace) as session:
        steps = (Step("write", "new content\n", str(workspace / "new.txt")), say("Written."))
        assert "Written." in await session.prompt(prompt_text(steps))
        assert (workspace / "new.txt").read_text(encoding="utf-8") == "new content\n"
        assert "completed" in [call.status for call in session.conversation.tool_calls]


async def test_a_turn_that_waits_is_cancelled(command: str, tmp_path: Path) -> None:
    async with driven(command, tmp_path) as (agent, workspace), agent.build_session(workspace) as session:
        session.send_prompt(prompt_text((Step("wait", "Thinking about it."),)))
        while True:
            update = await session.read_update()
            if isinstance(update, Update) and "Thinking" in session.conversation.text:
                break
        session.cancel()
        await session.read_to_string()
        assert session.conversation.stop_reason == "cancelled"
