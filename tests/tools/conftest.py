from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.model.content import Text
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.ports import Tool, ToolContext
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
def reports() -> list[ToolCallPatch]:
    return []


@pytest.fixture
def context(root: Path, reports: list[ToolCallPatch]) -> ToolContext:
    return ToolContext(LocalWorkspace((root,)), SessionId("s"), ToolCallId("c"), reports.append)


@pytest.fixture
def told(context: ToolContext) -> Callable[..., Awaitable[str]]:
    """Runs a tool and gives the text that the model reads."""

    async def run(tool: Tool, **args: object) -> str:
        outcome = await tool.run(dict(args), context)
        assert [type(part) for part in outcome.for_model] == [Text]
        return outcome.for_model[0].text

    return run
