"""What an MCP server is answered that asks which directories matter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp.client import ClientRequestContext
    from mcp.client.session import ListRootsFnT
    from mcp.types import ListRootsResult


def list_roots(roots: Callable[[], tuple[Path, ...]]) -> ListRootsFnT:
    """Answers with the directories the session may touch when the server asks."""

    async def answer(context: ClientRequestContext) -> ListRootsResult:
        from mcp.types import ListRootsResult, Root  # lazy: loaded before any server could ask
        from pydantic import FileUrl

        return ListRootsResult(roots=[Root(uri=FileUrl(root.as_uri()), name=root.name) for root in roots()])

    return answer
