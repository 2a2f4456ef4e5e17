"""The scripted model: plays the steps a prompt carries with whatever tools the agent offered it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import assert_never

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.reach import object_at, objects_at, text_at
from acp_agent.conformance.steps import Step, steps_in
from acp_agent.providers.script import Act, Break, Call, Refuse, Reply, Say, Think
from acp_agent.testing.model_server import RecordedRequest

_NAMES: dict[str, tuple[str, ...]] = {
    "read": ("read", "read_file", "view_file", "readfile", "view", "cat"),
    "write": ("write", "write_file", "create_file", "writefile", "create", "save_file"),
    "run": ("bash", "shell", "run_shell_command", "run_command", "execute_command", "terminal", "exec"),
}
_PATHS = ("path", "file_path", "filepath", "filename", "absolute_path", "target_file", "file")
_TEXTS = ("content", "contents", "text", "file_text", "data")
_COMMANDS = ("command", "cmd", "script", "commandline")
_FILLERS: dict[str, JsonValue] = {
    "string": "conformance",
    "boolean": False,
    "integer": 1,
    "number": 1,
    "array": [],
    "object": {},
}


class ToolUse(msgspec.Struct, frozen=True):
    """How an agent's tool is called; `{path}` and `{text}` in string arguments are filled in."""

    name: str
    arguments: dict[str, str]


class ScriptedModel:
    """Decides the replies; `n_requests` counts them, `missing` holds steps for which no tool was found."""

    def __init__(self, tools: Mapping[str, ToolUse]) -> None:
        self._tools = tools
        self.n_requests = 0
        self.missing: list[str] = []

    def __call__(self, request: RecordedRequest) -> Reply:
        """The reply to a request of the agent."""
        self.n_requests += 1
        offered = _offered(request.body)
        steps = steps_in(request.prompt)
        if request.n_answered >= len(steps):
            return Reply((Say("done"),))
        step = steps[request.n_answered]
        return self._reply(step, offered)

    def _reply(self, step: Step, offered: Mapping[str, JsonObject]) -> Reply:
        match step.do:
            case "say":
                return Reply((Say(step.text),))
            case "think":
                return Reply((Think(step.text), Say("thought about it")))
            case "wait":
                return Reply((Say(step.text), Break("wait")))
            case "fail":
                return Reply((Refuse(400, "the conformance script refuses this request"),))
            case "stop":
                reason = "refusal" if step.path == "refusal" else "max_tokens"
                return Reply((Say(step.text),), reason=reason)
            case "read" | "write" | "run":
                call = self._call(step, offered)
                return Reply((call,))
            case _:
                assert_never(step.do)

    def _call(self, step: Step, offered: Mapping[str, JsonObject]) -> Act:
        known = self._tools.get(step.do)
        if known is not None and known.name in offered:
            arguments = {
                name: value.replace("{path}", step.path).replace("{text}", step.text)
                for name, value in known.arguments.items()
            }
            return Call(known.name, json.dumps(arguments))
        for name in _candidates(step.do, offered):
            found = _arguments(step, offered[name])
            if found is not None:
                return Call(name, json.dumps(found))
        self.missing.append(step.do)
        return Say(f"there is no tool to {step.do}")


def _offered(body: JsonObject) -> dict[str, JsonObject]:
    """The schema of each tool in a request, in either dialect."""
    found: dict[str, JsonObject] = {}
    for tool in objects_at(body, "tools"):
        function = object_at(tool, "function") or tool
        found[text_at(function, "name")] = object_at(function, "parameters") or object_at(
            function, "input_schema"
        )
    return found


def _candidates(do: str, offered: Mapping[str, JsonObject]) -> list[str]:
    """Names of offered tools that may do it, likeliest first."""
    plain = {name.lower().replace("-", "_"): name for name in offered}
    exact = [plain[name] for name in _NAMES[do] if name in plain]
    similar = [name for short, name in plain.items() if any(word in short for word in _NAMES[do][:4])]
    return list(dict.fromkeys([*exact, *similar]))


def _arguments(step: Step, schema: JsonObject) -> JsonObject | None:
    """Arguments for the step that this tool takes, or None if it is no tool for that."""
    properties = object_at(schema, "properties")
    plain = {name.lower().replace("_", ""): name for name in properties}
    wanted = {
        "read": ((_PATHS, step.path),),
        "write": ((_PATHS, step.path), (_TEXTS, step.text)),
        "run": ((_COMMANDS, step.text),),
    }[step.do]
    arguments: JsonObject = {}
    for names, value in wanted:
        key = next((plain[name.replace("_", "")] for name in names if name.replace("_", "") in plain), None)
        if key is None:
            return None
        arguments[key] = value
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if isinstance(name, str) and name not in arguments:
            arguments[name] = _FILLERS.get(text_at(properties, name, "type"), "conformance")
    return arguments
