from pathlib import Path

import pytest

from acp_agent.workspaces.local import LocalWorkspace


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "repo"
    made.mkdir()
    return made


@pytest.fixture
def workspace(root: Path) -> LocalWorkspace:
    return LocalWorkspace((root,))


class SeenOutput:
    """A sink that remembers what it was told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def output(self, text: str) -> None:
        self.texts.append(text)

    def terminal(self, terminal_id: str) -> None:
        raise AssertionError("a local command runs in no client terminal")


@pytest.fixture
def sink() -> SeenOutput:
    return SeenOutput()
