"""The scripted model finds the right tool among whatever an agent offers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.model import ScriptedModel, ToolUse
from acp_agent.conformance.profile import find_profile
from acp_agent.conformance.steps import Step, prompt_text, say, steps_in
from acp_agent.providers.script import Call, Say
from acp_agent.testing.model_requests import Message, RecordedRequest


def tool(name: str, *parameters: str, required: tuple[str, ...] = ()) -> JsonObject:
    properties: JsonObject = {parameter: {"type": "string"} for parameter in parameters}
    needed: list[JsonValue] = [*required]
    schema: JsonObject = {"type": "object", "properties": properties, "required": needed}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def asked(*tools: JsonObject, steps: tuple[Step, ...], n_answered: int = 0) -> RecordedRequest:
    offered: list[JsonValue] = [*tools]
    said = [
        Message("user", prompt_text(steps)),
        *[Message("assistant", ""), Message("tool", "")] * n_answered,
    ]
    return RecordedRequest("", {}, {"tools": offered}, tuple(said))


WRITE = Step("write", "words", "/w/a.txt")


@pytest.mark.parametrize(
    ("offered", "arguments"),
    [
        (tool("write", "path", "content"), {"path": "/w/a.txt", "content": "words"}),
        (tool("write_file", "file_path", "content"), {"file_path": "/w/a.txt", "content": "words"}),
        (tool("WriteFile", "filePath", "contents"), {"filePath": "/w/a.txt", "contents": "words"}),
        (
            tool("create_file", "path", "file_text", "why", required=("path", "file_text", "why")),
            {"path": "/w/a.txt", "file_text": "words", "why": "conformance"},
        ),
    ],
)
def test_a_tool_is_called_by_its_own_names(offered: JsonObject, arguments: JsonObject) -> None:
    model = ScriptedModel({})
    (act,) = model(asked(tool("list", "path"), offered, steps=(WRITE,))).acts
    assert isinstance(act, Call)
    assert json.loads(act.arguments) == arguments
    assert model.missing == []


def test_a_tool_in_a_namespace_is_called_by_its_own_name() -> None:
    echo: JsonObject = {"type": "function", "name": "conformance_echo", "parameters": {"type": "object"}}
    group: JsonObject = {"type": "namespace", "name": "mcp__probe", "tools": [echo]}
    (act,) = ScriptedModel({})(asked(group, steps=(Step("use", "words", "conformance_echo"),))).acts
    assert isinstance(act, Call)
    assert act.name == "conformance_echo"


def test_a_plan_is_written_by_a_tool_that_can_also_look_at_it() -> None:
    entry: JsonObject = {
        "properties": {"content": {"type": "string"}, "status": {"type": "string"}},
        "required": ["content", "status"],
    }
    properties: JsonObject = {
        "action": {"enum": ["read", "write"]},
        "todos": {"anyOf": [{"type": "array", "items": entry}, {"type": "null"}]},
    }
    schema: JsonObject = {"type": "object", "properties": properties, "required": ["action"]}
    offered: JsonObject = {"type": "function", "function": {"name": "todo", "parameters": schema}}
    (act,) = ScriptedModel({})(asked(offered, steps=(Step("plan", "work"),))).acts
    assert isinstance(act, Call)
    assert json.loads(act.arguments) == {
        "action": "write",
        "todos": [{"content": "work 1", "status": "pending"}, {"content": "work 2", "status": "pending"}],
    }


def test_a_missing_tool_is_remembered() -> None:
    model = ScriptedModel({})
    reply = model(asked(tool("list", "path"), steps=(WRITE,)))
    assert reply.acts == (Say("there is no tool to write"),)
    assert (model.missing, model.n_requests) == (["write"], 1)


@pytest.mark.parametrize(
    "search", [tool("tool_search", "query"), {"type": "tool_search"}, tool("SearchToolFunctions", "query")]
)
def test_tools_that_are_kept_back_until_they_are_searched_for_are_noticed(search: JsonObject) -> None:
    model = ScriptedModel({})
    model(asked(search, steps=(Step("use", "words", "conformance_echo"),)))
    assert (model.missing, model.may_search) == (["use"], True)


def test_a_profile_says_how_a_tool_is_called() -> None:
    model = ScriptedModel({"write": ToolUse("edit", {"where": "{path}", "what": "{text}!"})})
    (act,) = model(asked(tool("edit", "where", "what"), steps=(WRITE,))).acts
    assert act == Call("edit", json.dumps({"where": "/w/a.txt", "what": "words!"}))


def test_steps_are_played_in_order_and_then_the_model_is_done() -> None:
    steps = (say("one"), say("two"))
    model = ScriptedModel({})
    replies = [model(asked(steps=steps, n_answered=number)).acts for number in range(3)]
    assert replies == [(Say("one"),), (Say("two"),), (Say("done"),)]


@pytest.mark.parametrize("around", ["{}", "before\n{}", "{}\nafter", "<context>\n{}\n</context> {{}}"])
def test_a_script_is_found_in_whatever_an_agent_makes_of_the_prompt(around: str) -> None:
    steps = (say("hello {there}"), WRITE)
    assert steps_in(around.replace("{}", prompt_text(steps), 1)) == steps


def test_a_prompt_without_a_script_has_no_steps() -> None:
    assert steps_in("hello") == steps_in("conformance-script: nonsense") == ()


def test_a_profile_is_found_by_name_command_or_file(tmp_path: Path) -> None:
    assert find_profile("scripted", []).plays_scripts
    assert find_profile("", ["/usr/bin/acp-agent", "serve"]).name == "acp-agent"
    assert find_profile("", ["python", "other.py"]).name == "generic"
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\n[tools.run]\nname = "sh"\narguments = {line = "{text}"}\n', encoding="utf-8"
    )
    assert find_profile(str(file), []).tools == {"run": ToolUse("sh", {"line": "{text}"})}
    with pytest.raises(ConfigError, match="no profile `nonsense`"):
        find_profile("nonsense", [])
    file.write_text("colour = 1", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot read the profile"):
        find_profile(str(file), [])
