"""docs/tools.md has a row for every tool, and says its limits as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from acp_agent.engine.turns.side_by_side import MAX_BESIDE
from acp_agent.tools.builtin import builtin_tools
from acp_agent.tools.git.commands import Command
from acp_agent.tools.task import task_tools
from acp_agent.tools.web.fetch import TIME_LIMIT as FETCH_TIME
from acp_agent.tools.web.search import TIME_LIMIT as SEARCH_TIME

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]


def row(name: str) -> str:
    (found,) = (line for line in ROWS if line.startswith(f"| `{name}`"))
    return found


def test_every_tool_has_a_row() -> None:
    first_cells = "".join(line.split("|")[1] for line in ROWS)
    named = set(re.findall(r"`(\w+)`", first_cells))
    tools = {tool.spec.name for tool in (*builtin_tools(), *task_tools(()))}
    assert tools <= named
    assert {"web_search", "skill", "search_skills", "mcp_list_resources", "mcp_read_resource"} <= named


def test_the_limits_are_those_that_hold() -> None:
    assert MAX_BESIDE == 8
    assert "eight at most" in PAGE
    assert f"{FETCH_TIME:.0f} s" in row("web_fetch")
    assert f"{SEARCH_TIME:.0f} s" in row("web_search")


def test_what_is_said_to_only_look_runs_beside_others() -> None:
    beside = {tool.spec.name for tool in (*builtin_tools(), *task_tools(())) if tool.spec.runs_beside}
    assert beside == {"read", "ls", "glob", "grep", "web_fetch", "task"}


def test_every_git_command_has_a_row() -> None:
    for name in get_args(Command):
        assert f"`{name}`" in PAGE.partition("## Git")[2]
