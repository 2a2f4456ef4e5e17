"""The tools every session has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.tools.ask_user import AskUserTool
from acp_agent.tools.bash import BashTool
from acp_agent.tools.edit import EditTool
from acp_agent.tools.git.tool import GitTool
from acp_agent.tools.glob import GlobTool
from acp_agent.tools.grep import GrepTool, find_ripgrep
from acp_agent.tools.ls import LsTool
from acp_agent.tools.patch import PatchTool
from acp_agent.tools.read import ReadTool
from acp_agent.tools.switch_mode import SwitchModeTool
from acp_agent.tools.todo import TodoTool
from acp_agent.tools.web.fetch import WebFetchTool
from acp_agent.tools.write import WriteTool

if TYPE_CHECKING:
    from acp_agent import ports


def builtin_tools() -> tuple[ports.Tool, ...]:
    """New instances, always in the same order, so that providers can cache what they are told of them.

    `rg` is looked for on `PATH` now, once; without it `grep` searches on its own.
    """
    return (
        ReadTool(),
        WriteTool(),
        EditTool(),
        LsTool(),
        GlobTool(),
        GrepTool(find_ripgrep()),
        BashTool(),
        TodoTool(),
        SwitchModeTool(),
        AskUserTool(),
        WebFetchTool(),
        PatchTool(),
        GitTool(),
    )
