"""Which of the tools an agent offers its model does a step, and with which arguments."""

from __future__ import annotations

from collections.abc import Mapping

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.reach import object_at, objects_at, text_at
from acp_agent.conformance.steps import PLAN_ENTRIES, Step

_NAMES: dict[str, tuple[str, ...]] = {
    "read": ("read", "read_file", "view_file", "readfile", "view", "cat"),
    "write": ("write", "write_file", "create_file", "writefile", "create", "save_file"),
    "run": ("bash", "shell", "run_shell_command", "run_command", "execute_command", "terminal", "exec"),
    "plan": ("todo", "todo_write", "write_todos", "update_plan", "todowrite", "plan"),
    "ask": (
        "ask_user",
        "ask_user_question",
        "askuserquestion",
        "ask_followup_question",
        "request_user_input",
        "question",
        "ask",
    ),
}
_NEVER_SIMILAR = frozenset({"plan", "ask"})
"""Tools for these are known by their whole names: `exit_plan_mode` makes no plan, `task` asks nobody."""

_PATHS = ("path", "file_path", "filepath", "filename", "absolute_path", "target_file", "file")
_TEXTS = ("content", "contents", "text", "file_text", "data")
_COMMANDS = ("command", "cmd", "script", "commandline")
_LIKELY = ("pending", "write")
"""Of several values: what a new plan says of its entries, and what is done to it."""
_WORDS = {"status": "pending", "priority": "medium"}
"""For members that are called so: what goes there is often said in words only, and not in the schema."""
_DEPTH = 8


def call_for(step: Step, offered: Mapping[str, JsonObject]) -> tuple[str, JsonObject] | None:
    """The name and arguments of a call that does the step; None if no offered tool fits.

    `offered` holds the schema of each tool's arguments by its name.
    """
    for name in _candidates(step, offered):
        found = _arguments(step, offered[name])
        if found is not None:
            return name, found
    return None


def sample(schema: JsonObject, text: str, *, n_items: int = 1) -> JsonValue:
    """A value that fits the schema; strings that may be anything hold `text`, lists have `n_items`."""
    return _sample(schema, object_at(schema, "$defs") or object_at(schema, "definitions"), text, n_items, 0)


def _candidates(step: Step, offered: Mapping[str, JsonObject]) -> list[str]:
    """Names of offered tools that may do it, likeliest first."""
    if step.do == "use":
        return sorted((name for name in offered if step.path in name), key=len)
    plain = {name.lower().replace("-", "_"): name for name in offered}
    exact = [plain[name] for name in _NAMES[step.do] if name in plain]
    if step.do in _NEVER_SIMILAR:
        return exact
    similar = [name for short, name in plain.items() if any(word in short for word in _NAMES[step.do][:4])]
    return list(dict.fromkeys([*exact, *similar]))


def _arguments(step: Step, schema: JsonObject) -> JsonObject | None:
    """Arguments for the step that this tool takes, or None if it is no tool for that."""
    properties = object_at(schema, "properties")
    plain = {name.lower().replace("_", ""): name for name in properties}
    wanted: tuple[tuple[tuple[str, ...], str], ...]
    match step.do:
        case "read":
            wanted = ((_PATHS, step.path),)
        case "write":
            wanted = ((_PATHS, step.path), (_TEXTS, step.text))
        case "run":
            wanted = ((_COMMANDS, step.text),)
        case "plan":  # its entries may be optional, as nothing of a plan is said to look at it
            value = sample({**schema, "required": [*properties]}, step.text, n_items=PLAN_ENTRIES)
            return value if isinstance(value, dict) else None
        case _:
            value = sample(schema, step.text)
            return value if isinstance(value, dict) else None
    arguments: JsonObject = {}
    for names, value in wanted:
        key = next((plain[name.replace("_", "")] for name in names if name.replace("_", "") in plain), None)
        if key is None:
            return None
        arguments[key] = value
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if isinstance(name, str) and name not in arguments:
            arguments[name] = sample(object_at(properties, name), "conformance")
    return arguments


def _sample(schema: JsonObject, named: JsonObject, text: str, n_items: int, depth: int) -> JsonValue:
    if reference := text_at(schema, "$ref"):
        schema = {**schema, **object_at(named, reference.rpartition("/")[2])}
    for keyword in ("allOf", "anyOf", "oneOf"):
        branches = [item for item in objects_at(schema, keyword) if item.get("type") != "null"]
        if branches and depth < _DEPTH:
            return _sample(branches[0], named, text, n_items, depth + 1)
    if "const" in schema:
        return schema["const"]
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return next((value for value in _LIKELY if value in values), values[0])
    kind = schema.get("type", "object" if "properties" in schema else None)
    kinds = kind if isinstance(kind, list) else [kind]
    match next((item for item in kinds if item != "null"), None):
        case "object":
            return _sample_object(schema, named, text, n_items, depth)
        case "array":
            least = schema.get("minItems")
            n_wanted = max(n_items, least if isinstance(least, int) else 0)
            item = object_at(schema, "items") or {"type": "string"}
            numbered = [text] if n_wanted == 1 else [f"{text} {number}" for number in range(1, n_wanted + 1)]
            return [_sample(item, named, words, 1, depth + 1) for words in numbered]
        case "boolean":
            return False
        case "integer" | "number":
            least = schema.get("minimum")
            return least if isinstance(least, int) and not isinstance(least, bool) else 1
        case _:
            return text


def _sample_object(schema: JsonObject, named: JsonObject, text: str, n_items: int, depth: int) -> JsonObject:
    properties = object_at(schema, "properties")
    required = schema.get("required")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    if depth >= _DEPTH:
        return {}
    return {
        name: _sample(object_at(properties, name), named, _WORDS.get(name, text), n_items, depth + 1)
        for name in names or properties
    }
