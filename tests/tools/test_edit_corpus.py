"""Edits as models make them: each is applied where it belongs, or refused with what helps to recover."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from acp_agent.base.errors import ToolError
from acp_agent.ports import Tool, ToolContext
from acp_agent.tools.edit import EditTool
from acp_agent.tools.patch import PatchTool

CORPUS = Path(__file__).with_name("edit_corpus")
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted(CORPUS.glob("*.toml"))
    for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]
]


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES)
async def test_an_imperfect_edit_is_applied_where_it_belongs_or_refused_with_advice(
    case: dict[str, Any], context: ToolContext, root: Path
) -> None:
    path = root / "f"
    before = case["file"].replace("\n", "\r\n") if case.get("crlf") else case["file"]
    path.write_text(before, encoding="utf-8", newline="")
    tool, args = call_of(case)
    if "error" in case:
        with pytest.raises(ToolError) as caught:
            await tool.run(args, context)
        assert case["error"] in str(caught.value)
        expected = before
    else:
        await tool.run(args, context)
        expected = case["expected"].replace("\n", "\r\n") if case.get("crlf") else case["expected"]
    assert path.read_bytes().decode() == expected


def call_of(case: dict[str, Any]) -> tuple[Tool, dict[str, Any]]:
    if "diff" in case:
        return PatchTool(), {"path": "f", "diff": case["diff"]}
    names = {"old": "old_text", "new": "new_text", "edits": "edits", "replace_all": "replace_all"}
    return EditTool(), {"path": "f", **{names[key]: case[key] for key in names if key in case}}
