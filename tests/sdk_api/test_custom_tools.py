"""Functions of the program as tools: what they are given, what they may return, and which are refused."""

from __future__ import annotations

import enum
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, cast

import pytest

from acp_agent.base.jsontext import JsonObject
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid, ToolFailed
from acp_agent.sdk.embed.options.custom_tools import ToolContext, ToolOutput, tool
from tests.sdk_api.conftest import Home


class Color(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int = 0


@tool(read_only=True)
def paint(
    at: Point,
    color: Color,
    on: date,
    names: list[str] = [],  # noqa: B006 # as programs write it
    how: Literal["thick", "thin"] = "thin",
    width: float | None = None,
    *,
    ctx: ToolContext,
) -> str:
    """Paint."""
    return f"{at} {color} {on!r} {names} {how} {width!r} {bool(ctx.tool_id)}"


def test_item_044_a_tool_is_given_what_its_parameters_say(agent: Agent, home: Home) -> None:
    session = agent.session(home.workspace, tools=[paint])
    args: JsonObject = {"at": {"x": 1}, "color": "red", "on": "2026-01-02", "names": ["a"], "width": 3}
    assert session.tool("paint", args).output == (
        "Point(x=1, y=0) Color.RED datetime.date(2026, 1, 2) ['a'] thin 3.0 True"
    )
    assert set(paint.parameters["properties"]) == {"at", "color", "on", "names", "how", "width"}  # type: ignore[call-overload]
    assert paint.parameters["required"] == ["at", "color", "on"]


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"at": {"x": 1}, "color": "red"}, "`paint` needs the arguments: on"),
        ({"at": {"x": "1"}, "color": "red", "on": "2026-01-02"}, "`at.x`: expected int, got str"),
        ({"at": {"x": 1}, "color": "blue", "on": "2026-01-02"}, "`color`: invalid enum value 'blue'"),
        ({"at": {"x": 1}, "color": "red", "on": "today"}, "`on`: invalid RFC3339 encoded date"),
        (
            {"at": {"x": 1}, "color": "red", "on": "2026-01-02", "how": "wide"},
            "`how`: invalid enum value 'wide'",
        ),
    ],
)
def test_arguments_that_are_none_are_told_to_the_model(
    agent: Agent, home: Home, args: JsonObject, complaint: str
) -> None:
    result = agent.session(home.workspace, tools=[paint]).tool("paint", args)
    assert (result.output, result.error_kind) == (complaint, "invalid_argument")


def test_a_function_that_was_made_a_tool_is_still_a_function() -> None:
    @tool
    def double(number: int) -> int:
        """Double a number."""
        return number * 2

    assert (double(4), inspect.getdoc(double)) == (8, "Double a number.")


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("text", "text"),
        (ToolOutput.error("no"), "no"),
        (None, "(nothing)"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (Point(1), '{"x":1,"y":0}'),
        (object(), "`give` failed: Encoding objects of type object is unsupported"),
        (ToolOutput(5), "`give` failed: the content of a `ToolOutput` is a text, not `int`"),  # type: ignore[arg-type]
        (
            ToolOutput("x", images=cast("Any", ("no",))),
            "`give` returned a picture that cannot be used: an attachment is no",
        ),
    ],
)
def test_item_045_whatever_a_tool_returns_the_model_is_told(
    agent: Agent, home: Home, returned: object, told: str
) -> None:
    @tool(read_only=True)
    def give() -> object:
        """Give something."""
        return returned

    assert agent.session(home.workspace, tools=[give]).tool("give", {}).output.startswith(told)


def test_a_tool_that_ends_programs_does_not_end_this_one(agent: Agent, home: Home) -> None:
    @tool(read_only=True)
    def leave() -> str:
        """Leave."""
        sys.exit("bad usage")

    session = agent.session(home.workspace, tools=[leave])
    assert session.tool("leave", {}).output == "`leave` failed: bad usage"
    assert session.tool("ls", {}).success


def many(*names: str) -> str:
    """Take many."""
    return " ".join(names)


def place(path: Path) -> str:
    """Take a place."""
    return str(path)


def unknown(value: Nowhere) -> str:  # type: ignore[name-defined] # noqa: F821
    """Take what is not there."""
    return ""


@pytest.mark.parametrize(
    ("function", "complaint"),
    [  # pyright: ignore[reportUnknownArgumentType] # one type is not there
        (many, "the tool `many`: a model cannot name `names`; give a JSON Schema as `parameters`"),
        (place, "the tool `place`: no JSON Schema says what it takes: type <class 'pathlib.Path'> is not"),
        (unknown, "the tool `unknown`: name 'Nowhere' is not defined"),
        (lambda: "", "needs a description"),
    ],
)
def test_a_function_that_no_model_could_call_is_no_tool(function: Callable[..., str], complaint: str) -> None:
    with pytest.raises(ConfigInvalid, match=complaint):
        tool(function)


def test_with_a_schema_of_its_own_a_function_takes_what_the_model_sent(agent: Agent, home: Home) -> None:
    schema: JsonObject = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    session = agent.session(home.workspace, tools=[tool(place, parameters=schema)])
    assert session.tool("place", {"path": "a/b"}).output == "a/b"


class Nameless:
    def __init__(self) -> None:
        self.description = "x"
        self.parameters: object = {}

    def execute(self, args: JsonObject, ctx: ToolContext) -> str:
        return ""


class Named(Nameless):
    def __init__(self, name: str, parameters: object = None) -> None:
        super().__init__()
        self.name = name
        self.parameters = {} if parameters is None else parameters


@pytest.mark.parametrize(
    ("tools", "complaint"),
    [
        ([Nameless()], "has no `name` or no method `execute`; decorate functions with `@tool`"),
        ([Named("with space")], "`with space` is no name that models can call; use letters"),
        ([Named("x" * 65)], "is no name that models can call"),
        ([Named("same"), Named("same")], "two of them are called `same`"),
        ([Named("plain", parameters=5)], "`plain` needs a `description`, a text, and `parameters`"),
    ],
)
def test_what_is_no_tool_is_refused_with_the_session(
    agent: Agent, home: Home, tools: list[Any], complaint: str
) -> None:
    with pytest.raises(ConfigInvalid, match=complaint):
        agent.session(home.workspace, tools=tools)


def test_direct_calls_take_paths_and_say_what_they_cannot_take(agent: Agent, home: Home) -> None:
    session: Any = agent.session(home.workspace)
    session.write_file(Path("made.txt"), "one")
    session.edit_file(Path("made.txt"), "one", "two")
    assert (session.read_file(home.workspace / "made.txt"), session.ls(Path())) == ("two", session.ls())
    with pytest.raises(TypeError, match="the arguments of a tool are a mapping, not `str`"):
        session.tool("read", "made.txt")
    with pytest.raises(TypeError, match=r"expected str, bytes or os\.PathLike object, not int"):
        session.read_file(5)


def test_item_065_a_command_that_was_not_run_is_no_output(agent: Agent, home: Home) -> None:
    session = agent.session(home.workspace)
    assert session.bash("echo out; exit 3") == "out\n(exit code 3)"
    with pytest.raises(ToolFailed, match="`command`: expected str of length >= 1"):
        session.bash("")
    hurried = agent.session(home.workspace, tool_timeout_ms=100)
    with pytest.raises(ToolFailed, match="Tool 'bash' timed out after 100 ms"):
        hurried.bash("sleep 30")
