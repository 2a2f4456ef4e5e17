"""The scripted model: plays the steps a prompt carries with whatever tools the agent offered it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import assert_never

import msgspec

from acp_agent.base.jsontext import JsonObject, dump_text
from acp_agent.conformance.calling import call_for
from acp_agent.conformance.media import media_in
from acp_agent.conformance.reach import has, object_at, objects_at, text_at
from acp_agent.conformance.steps import MARK, WATCHWORD, Step, steps_in
from acp_agent.model.chat import Usage
from acp_agent.providers.script import Act, Break, Call, Refuse, Reply, Say, Think
from acp_agent.testing.model_server import RecordedRequest

_SCHEMAS = ("parameters", "input_schema", "parametersJsonSchema")
"""Where a tool has the schema of its arguments, in the various dialects."""

_USAGE = Usage(1000, 20)
"""Of every reply, so that what agents make of it can be judged."""


class ToolUse(msgspec.Struct, frozen=True):
    """How an agent's tool is called; `{path}` and `{text}` in the strings of its arguments are filled in."""

    name: str
    arguments: dict[str, str | int | bool | list[str]]


class ScriptedModel:
    """Decides the replies.

    Attributes:
        n_requests: how often it was asked.
        n_played: how many of the replies followed a script.
        n_beyond: how often it was asked to go on when its script was at an end.
        results: what the agent told it about its calls, once for each request.
        may_search: whether it was offered to search for tools, which may be kept back until it does.
    """

    def __init__(self, tools: Mapping[str, ToolUse]) -> None:
        self._tools = tools
        self.n_requests = 0
        self.n_played = 0
        self.n_beyond = 0
        self.results: list[str] = []
        self.may_search = False
        self._missing: list[tuple[str, bool]] = []
        self._was_offered_tools = False

    @property
    def missing(self) -> list[str]:
        """Steps for which no tool was found; requests without tools count only if there are no others."""
        return [do for do, offered in self._missing if offered or not self._was_offered_tools]

    def __call__(self, request: RecordedRequest) -> Reply:
        """The reply to a request of the agent."""
        self.n_requests += 1
        offered = _offered(request.body)
        self._was_offered_tools |= bool(offered)
        self.may_search |= any("tool" in name and "search" in name for name in map(str.lower, offered))
        # Agents put words of their own behind the prompt and behind tool results.
        prompts = [message.text for message in request.messages if message.role == "user"]
        steps = next((found for text in reversed(prompts) if (found := steps_in(text))), ())
        n_answered = request.answered_since(lambda text: MARK in text)
        self.n_played += bool(steps)
        self.results.append(request.result)
        if n_answered >= len(steps):
            self.n_beyond += bool(steps)
            return Reply((Say("done"),), usage=_USAGE)
        return msgspec.structs.replace(self._reply(steps[n_answered], offered, request.body), usage=_USAGE)

    def _reply(self, step: Step, offered: Mapping[str, JsonObject], body: JsonObject) -> Reply:
        match step.do:
            case "say":
                return Reply((Say(step.text),))
            case "think":
                return Reply((Think(step.text), Say("thought about it")))
            case "look":
                watchword = ["watchword"] if WATCHWORD in dump_text(body) else []
                return Reply((Say(" and ".join([*media_in(body), *watchword]) or "nothing"),))
            case "wait":
                return Reply((*([Say(step.text)] if step.text else []), Break("wait")))
            case "ponder":
                return Reply((Think(step.text), Break("wait")))
            case "fail":
                return Reply((Refuse(400, "the conformance script refuses this request"),))
            case "stop":
                reason = "refusal" if step.path == "refusal" else "max_tokens"
                return Reply((Say(step.text),), reason=reason)
            case "read" | "write" | "run" | "use" | "plan" | "ask":
                call = self._call(step, offered)
                return Reply((call,))
            case _:
                assert_never(step.do)

    def _call(self, step: Step, offered: Mapping[str, JsonObject]) -> Act:
        known = self._tools.get(step.do)
        if known is not None and known.name in offered:
            arguments = {name: _told(value, step) for name, value in known.arguments.items()}
            return Call(known.name, json.dumps(arguments))
        found = call_for(step, offered)
        if found is not None:
            return Call(found[0], json.dumps(found[1]))
        self._missing.append((step.do, bool(offered)))
        return Say(f"there is no tool to {step.do}")


def _offered(body: JsonObject) -> dict[str, JsonObject]:
    """The schema of each tool in a request, in any dialect."""
    found: dict[str, JsonObject] = {}
    for item in objects_at(body, "tools"):
        grouped = objects_at(item, "functionDeclarations") or objects_at(item, "tools")
        for tool in grouped or [object_at(item, "function") or item]:
            name = next((name for name in _SCHEMAS if has(tool, name)), "")
            found[text_at(tool, "name") or text_at(tool, "type")] = object_at(tool, name)
    return found


def _told(template: str | int | bool | list[str], step: Step) -> str | int | bool | list[str]:
    """An argument of a profile with what the step says put in."""
    match template:
        case str():
            return template.replace("{path}", step.path).replace("{text}", step.text)
        case list():
            return [text.replace("{path}", step.path).replace("{text}", step.text) for text in template]
        case _:
            return template
