"""Settings in the shape of block files, with `default_model` and a list of `providers`, as our own tables."""

from __future__ import annotations

from collections.abc import Mapping

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.spelling import snake, snake_keys
from acp_agent.sdk.settings.blocks import LABELS
from acp_agent.sdk.settings.file import nearest

RENAMED: Mapping[str, str] = {"default_model": "model", "max_tool_rounds": "max_steps"}
KEPT = (
    *("skill_dirs", "agent_dirs", "sessions_dir", "mode", "sandbox", "permissions", "store"),
    *("auto_parallel", "max_parallel_tasks", "builtin_skills", "enforce_active_skill_tool_restrictions"),
)
ACCEPTED = (
    *("queue", "search", "memory", "memory_dir", "auto_delegation"),
    *("storage_backend", "storage_url", "thinking_budget"),
)
"""Settings that are understood, and decide nothing here or are looked at on their own."""

BLOCK_KEYS = (*RENAMED, *KEPT, *ACCEPTED, "providers", "mcp_servers")

_MODEL_LIMITS = {"context": "context_size", "output": "max_output"}
_MODEL_COSTS = {
    "input": "input_price",
    "output": "output_price",
    "cache_read": "cache_read_price",
    "cache_write": "cache_write_price",
}
_MODEL_FLAGS = {"attachment": "takes_images", "reasoning": "thinks"}
_IGNORED_OF_MODELS = ("family", "tool_call", "temperature", "release_date", "modalities")


def is_block_shaped(tables: JsonObject) -> bool:
    """Whether they are written in that shape."""
    return (
        "default_model" in tables
        or "defaultModel" in tables
        or isinstance(tables.get("providers"), list)
        or isinstance(tables.get("mcp_servers"), list)
    )


def tables_of(blocks: JsonObject, where: str) -> JsonObject:
    """The same settings as our own tables.

    Raises:
        ConfigInvalid: one of them is not known or cannot be used.
    """
    settings = snake_keys(blocks)
    for key in settings:
        if key not in BLOCK_KEYS:
            known = ", ".join(BLOCK_KEYS)
            raise ConfigInvalid(
                f"`{where}`: unknown setting `{key}`{nearest(key, BLOCK_KEYS)}",
                hint=f"known settings: {known}",
            )
    tables: JsonObject = {
        RENAMED.get(key, key): value for key, value in settings.items() if key in (*RENAMED, *KEPT)
    }
    if settings.get("storage_backend") == "memory":
        tables.pop("sessions_dir", None)
    address = settings.get("storage_url")
    if isinstance(address, str) and address:
        tables.setdefault("store", address)
    delegation = snake_keys(_first(settings.get("auto_delegation")))
    if delegation:
        tables["auto_delegation"] = {key: value for key, value in delegation.items() if key != LABELS}
    folder = settings.get("memory_dir")
    if isinstance(folder, str) and folder:
        tables["memory"] = {"dir": folder}
    budget = settings.get("thinking_budget")
    providers: JsonObject = {
        name: _provider(name, block, budget, where) for name, block in _named(settings, "providers", where)
    }
    tables["providers"] = providers
    _check_default(settings.get("default_model"), providers, where)
    servers: JsonObject = {
        name: {key: value for key, value in block.items() if key not in (LABELS, "name", "enabled")}
        for name, block in _named(settings, "mcp_servers", where)
    }
    return {**tables, "mcp_servers": servers}


def _named(settings: JsonObject, key: str, where: str) -> list[tuple[str, JsonObject]]:
    blocks = settings.get(key) or []
    if isinstance(blocks, dict):
        return [(name, _table(block)) for name, block in blocks.items()]
    if not isinstance(blocks, list):
        raise ConfigInvalid(f"`{where}`: `{key}`: expected blocks")
    named = [(_name(_table(block), key, where), _table(block)) for block in blocks]
    _check_once([name for name, _ in named], key, where)
    return named


def _check_once(names: list[str], key: str, where: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigInvalid(
                f"`{where}`: `{key}`: `{name}` is there twice", hint="write one block with all of it"
            )


def _check_default(model: JsonValue, providers: JsonObject, where: str) -> None:
    """Refuse a default model that its provider does not list."""
    name, _, wanted = model.partition("/") if isinstance(model, str) else ("", "", "")
    listed = _table(providers.get(name)).get("models")
    known = [_table(one).get("id") for one in listed] if isinstance(listed, list) else []
    if known and wanted not in known:
        raise ConfigInvalid(
            f"`{where}`: `default_model`: provider '{name}' or model '{wanted}' not found in config",
            hint=f"known models: {', '.join(f'{name}/{one}' for one in known)}",
        )


def _name(block: JsonObject, key: str, where: str, field: str = "name") -> str:
    labels = block.get(LABELS)
    name = labels[0] if isinstance(labels, list) and labels else block.get(field)
    if not isinstance(name, str) or not name:
        raise ConfigInvalid(f"`{where}`: `{key}`: a block has no name")
    return name


def _provider(name: str, block: JsonObject, budget: JsonValue, where: str) -> JsonObject:
    table: JsonObject = {}
    models: list[JsonValue] = []
    overrides: list[JsonObject] = []
    for written, value in block.items():
        key = snake(written)
        if key == "models":
            for item in value if isinstance(value, list) else [value]:
                model: JsonObject = item if isinstance(item, dict) else {"id": item}
                models.append(_model(model, name, where))
                own = snake_keys(model)
                overrides.append({field: own[field] for field in ("api_key", "base_url") if field in own})
        elif written not in (LABELS, "name"):
            table[key] = value
    _check_once([str(_table(one).get("id")) for one in models], f"providers.{name}.models", where)
    table.setdefault("type", name if name in ("anthropic", "scripted") else "openai")
    if name == "anthropic" and budget is not None:
        table.setdefault("thinking_budget", budget)
    if any(override != overrides[0] for override in overrides):
        raise ConfigInvalid(
            f"`{where}`: `providers.{name}`: its models have different keys or addresses",
            hint="give each of them a provider of its own",
        )
    return {**table, **(overrides[0] if overrides else {}), **({"models": models} if models else {})}


def _model(block: JsonObject, provider: str, where: str) -> JsonObject:
    table: JsonObject = {"id": _name(block, f"providers.{provider}.models", where, "id")}
    for written, value in block.items():
        key = snake(written)
        if key == "limit":
            table |= _renamed(_first(value), _MODEL_LIMITS)
        elif key == "cost":
            table |= _renamed(_first(value), _MODEL_COSTS)
        elif key in _MODEL_FLAGS:
            table[_MODEL_FLAGS[key]] = value
        elif written not in (LABELS, "id") and key not in (*_IGNORED_OF_MODELS, "api_key", "base_url"):
            table[key] = value
    return table


def _renamed(block: JsonObject, names: Mapping[str, str]) -> JsonObject:
    return {names[key]: value for key, value in block.items() if key in names}


def _first(value: JsonValue) -> JsonObject:
    return _table(value[0]) if isinstance(value, list) and value else _table(value)


def _table(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
