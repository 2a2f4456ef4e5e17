"""Small Git repositories, an agent with its real tools, and a model that plays a script."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import anyio
import pytest

from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.options.permission import PermissionPolicy
from acp_agent.sdk.embed.runs.results import AgentResult

PERMISSIVE = PermissionPolicy.permissive()


class Answer(NamedTuple):
    """What the model was told of one of its calls."""

    tool: str
    text: str
    is_error: bool


class Played(NamedTuple):
    """A scenario that has been played: how it ended, and what the model was told in between."""

    result: AgentResult
    answers: list[Answer]

    @property
    def failed(self) -> list[str]:
        """The tools whose calls failed, in order."""
        return [answer.tool for answer in self.answers if answer.is_error]


Play: TypeAlias = Callable[..., Awaitable[Played]]


class Repository:
    """A Git repository with one commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q")

    def commit(self, files: Mapping[str, str]) -> None:
        """Write and commit these files."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        self.git("add", "--all")
        self.git("commit", "-qm", "Begin")

    def git(self, *words: str) -> str:
        """The output of a Git command."""
        who = ("-c", "user.name=A", "-c", "user.email=a@b.invalid", "-c", "init.defaultBranch=main")
        ran = subprocess.run(
            ["git", *who, "-c", "core.autocrlf=false", *words],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
        return ran.stdout.decode()

    def tree(self) -> dict[str, str]:
        """Every file but Git's own and caches, with its text."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes().decode()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not {".git", "__pycache__"} & set(path.relative_to(self.folder).parts)
        }

    def changed(self) -> list[str]:
        """The files that differ from the last commit."""
        lines = self.git("status", "--porcelain", "--untracked-files=all").splitlines()
        return sorted(line[3:] for line in lines if "__pycache__" not in line)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncGenerator[AsyncAgent]:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ACP_AGENT_HOME": str(tmp_path / "home"),
        "ACP_AGENT_SANDBOX": "off",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    async with AsyncAgent.create({}, env=env) as agent:
        yield agent


@pytest.fixture
def play(agent: AsyncAgent, repository: Repository) -> Play:
    """Lets the model play a script in the repository. All calls are allowed unless `policy` says otherwise;
    with None what asks is denied, for there is nobody to ask.
    """

    async def play(script: str, prompt: str, policy: PermissionPolicy | None = PERMISSIVE) -> Played:
        session = agent.session(
            repository.folder,
            llm_client=ScriptedProvider(script),
            permission_policy=policy,
        )
        with anyio.fail_after(20):  # a machine with a lot to do starts programs slowly
            result = await session.send(prompt)
        names: dict[str, str] = {}
        answers: list[Answer] = []
        for block in (block for message in session.history() for block in message.blocks):
            if block.type == "tool_use":
                names[block.tool_id] = block.tool_name
            elif block.type == "tool_result":
                answers.append(Answer(names[block.tool_id], block.text, block.is_error))
        return Played(result, answers)

    return play
