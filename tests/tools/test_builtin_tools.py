"""The set of tools, their schemas, the check of arguments, and `todo`."""

import subprocess
import sys

import pytest

from acp_agent.base.errors import ToolError
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import PlanEntry
from acp_agent.ports import Preview
from acp_agent.tools.arguments import parse_args
from acp_agent.tools.builtin import builtin_tools
from acp_agent.tools.read import ReadArgs
from acp_agent.tools.todo import TodoArgs, TodoTool


def test_the_tools_come_in_a_fixed_order():
    names = [tool.spec.name for tool in builtin_tools()]
    assert names == [
        *("read", "write", "edit", "ls", "glob", "grep", "bash"),
        *("todo", "switch_mode", "ask_user", "web_fetch", "patch", "git"),
    ]
    assert [tool.spec for tool in builtin_tools()] == [tool.spec for tool in builtin_tools()]


@pytest.mark.parametrize("tool", builtin_tools(), ids=lambda tool: tool.spec.name)
def test_schemas_are_plain_objects(tool):
    schema = tool.spec.input_schema
    assert schema["type"] == "object"
    assert set(schema["required"]) <= set(schema["properties"])
    assert "$" not in str(schema)
    assert "anyOf" not in str(schema)
    assert all(value["type"] for value in schema["properties"].values())


def test_nested_schemas_are_written_out():
    (todo,) = (tool for tool in builtin_tools() if tool.spec.name == "todo")
    entry = todo.spec.input_schema["properties"]["entries"]["items"]
    assert entry["required"] == ["content"]
    assert sorted(entry["properties"]["status"]["enum"]) == ["completed", "in_progress", "pending"]


def test_tools_load_nothing_heavy():
    names = ["httpx", "pydantic", "mcp", "jsonrpcserver", "difflib", "tempfile"]
    code = "import acp_agent.tools.builtin as it, sys; it.builtin_tools(); print([*sys.modules])"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8")
    assert "'msgspec'" in ran.stdout
    assert [name for name in names if f"'{name}'" in ran.stdout] == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({}, "`path`: required argument is missing"),
        ({"path": None}, "`path`: required argument is missing"),
        ({"path": 5}, "`path`: expected str, got int"),
        ({"path": "a", "offset": 0}, "`offset`: expected int >= 1"),
        ({"path": "a", "offset": "1"}, "`offset`: expected int, got str"),
        ({"path": "a", "limit": True}, "`limit`: expected int, got bool"),
    ],
)
def test_wrong_arguments_are_named(args, message):
    with pytest.raises(ToolError) as caught:
        parse_args(ReadArgs, args)
    assert str(caught.value) == message


def test_wrong_nested_arguments_are_named():
    with pytest.raises(ToolError) as caught:
        parse_args(TodoArgs, {"entries": [{"content": "a"}, {}]})
    assert str(caught.value) == "`entries[1].content`: required argument is missing"
    with pytest.raises(ToolError, match=r"`entries\[0\].status`: invalid enum value 'later'"):
        parse_args(TodoArgs, {"entries": [{"content": "a", "status": "later"}]})


def test_unknown_and_null_arguments_are_left_out():
    assert parse_args(ReadArgs, {"path": "a", "reason": "because", "limit": None}) == ReadArgs("a")


async def test_a_plan_replaces_the_one_before(context):
    args = {"entries": [{"content": "a\x1b[1m", "status": "completed"}, {"content": "b", "priority": "high"}]}
    todo = TodoTool()
    assert await todo.preview(args, context) == Preview("Update the plan", "think", Access("none", "todo"))
    outcome = await todo.run(args, context)
    assert outcome.plan == (PlanEntry("a", "completed"), PlanEntry("b", priority="high"))
    assert outcome.for_model[0].text == "plan updated: 1 of 2 entries completed"
    assert (await todo.run({"entries": []}, context)).plan == ()
