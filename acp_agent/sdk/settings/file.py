"""One TOML file of settings: read safely, checked completely, every complaint with file and key."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeVar, get_args

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.permission.rules import parse_rule
from acp_agent.model.hook import HOOK_EVENTS
from acp_agent.model.planning import PlanningMode
from acp_agent.model.session import MODES, ModelInfo
from acp_agent.sdk.settings.delegation import AutoDelegationTable, Tasks
from acp_agent.sdk.settings.hooks import FAILURES, MAX_HOOKS, HookTable, complaint_about
from acp_agent.sdk.settings.memory import MemoryTable
from acp_agent.sdk.settings.presets import PROVIDER_TYPES
from acp_agent.sdk.settings.search import SearchTable
from acp_agent.sdk.settings.secret import Secret

MAX_FILE_BYTES = 1024 * 1024
MAX_STEPS = 10_000
MAX_FRAME_MIB = 1024
MAX_RULES = 500
LOG_LEVELS = ("error", "warning", "info", "debug")
SERVER_TYPES = ("stdio", "http", "sse")
SANDBOX_CHOICES = ("auto", "require", "off")
MODE_IDS = tuple(mode.id for mode in MODES)
PLANNING_MODES: tuple[PlanningMode, ...] = get_args(PlanningMode)

Positive = Annotated[int, msgspec.Meta(ge=1)]
Price = Annotated[float, msgspec.Meta(ge=0)]
T = TypeVar("T", bound=msgspec.Struct)


class ModelTable(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a provider's `models`; None means what the catalog knows or assumes."""

    id: str
    name: str | None = None
    context_size: Positive | None = None
    max_output: Positive | None = None
    input_price: Price | None = None
    output_price: Price | None = None
    cache_read_price: Price | None = None
    cache_write_price: Price | None = None
    takes_images: bool | None = None
    takes_audio: bool | None = None
    thinks: bool | None = None

    def applied_to(self, info: ModelInfo) -> ModelInfo:
        """`info` with everything that is set here in place of what it says; its `id` stays."""
        said = {name: getattr(self, name) for name in self.__struct_fields__ if name != "id"}
        return msgspec.structs.replace(
            info, **{name: value for name, value in said.items() if value is not None}
        )


class ProviderTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[providers.NAME]` as written."""

    type: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    api_key: Secret | None = None
    headers: dict[str, Secret] = {}
    models: tuple[str | ModelTable, ...] = ()
    script: str | None = None
    thinking_budget: Positive | None = None


class McpServerTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[mcp_servers.NAME]` as written."""

    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, Secret] = {}
    url: str | None = None
    headers: dict[str, Secret] = {}
    type: str | None = None


class PermissionsTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[permissions]` as written: rules such as `Bash(npm test)`."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class LimitsTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[limits]` as written."""

    max_cost: Price | None = None
    max_tokens_per_prompt: Positive | None = None
    max_seconds_per_prompt: Annotated[float, msgspec.Meta(gt=0)] | None = None


class SettingsFile(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file as written; None and empty mean not set."""

    model: str | None = None
    mode: str | None = None
    store: str | None = None
    max_steps: Annotated[int, msgspec.Meta(ge=1, le=MAX_STEPS)] | None = None
    compact_at: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_frame_mib: Annotated[int, msgspec.Meta(ge=1, le=MAX_FRAME_MIB)] | None = None
    log_level: str | None = None
    sandbox: str | None = None
    sandbox_writable: tuple[str, ...] | None = None
    remember_choices: bool | None = None
    planning_mode: str | None = None
    goal_tracking: bool | None = None
    auto_delegation: AutoDelegationTable | None = None
    auto_parallel: bool | None = None
    max_parallel_tasks: Tasks | None = None
    builtin_skills: bool | None = None
    enforce_active_skill_tool_restrictions: bool | None = None
    providers: dict[str, ProviderTable] = {}
    mcp_servers: dict[str, McpServerTable] = {}
    permissions: PermissionsTable = PermissionsTable()
    hooks: tuple[HookTable, ...] = ()
    limits: LimitsTable | None = None
    search: SearchTable | None = None
    memory: MemoryTable | None = None
    fs_context: bool | None = None


def read_bytes(path: Path) -> bytes | None:
    """The file's content, or None if there is no such file.

    Raises:
        ConfigError: it cannot be read, is no regular file or is larger than 1 MiB.
    """
    try:
        # Non-blocking, because opening a pipe somebody left in its place would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise ConfigError(f"`{path}`: cannot be read: {exc.strerror}") from exc
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConfigError(f"`{path}`: is not a regular file")
    with open(descriptor, "rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"`{path}`: is larger than {MAX_FILE_BYTES} bytes")
    return content


def parse_toml(content: bytes, path: Path) -> JsonObject:
    """The tables of a TOML file.

    Raises:
        ConfigError: it is not TOML; names file and line.
    """
    import tomllib  # lazy: 10 ms, and many start without any file

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"`{path}`: line {line}: is not UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"`{path}`: {_syntax_complaint(str(exc), content)}") from exc


def check_settings(tables: JsonObject, path: Path) -> SettingsFile:
    """The settings in a file's tables.

    Raises:
        ConfigError: an unknown key, a wrong type or a value out of range; names file and key.
    """
    providers: dict[str, ProviderTable] = {}
    for name, table in _named_tables(tables, "providers", path):
        key = f"providers.{name}"
        providers[name] = _convert(table, ProviderTable, key, path)
        check_choice(providers[name].type, PROVIDER_TYPES, f"{key}.type", path)
        for index, model in enumerate(_list(table.get("models"))):
            _reject_unknown(_table(model), ModelTable.__struct_fields__, f"{key}.models[{index}]", path)
    servers: dict[str, McpServerTable] = {}
    for name, table in _named_tables(tables, "mcp_servers", path):
        servers[name] = _convert(table, McpServerTable, f"mcp_servers.{name}", path)
        check_choice(servers[name].type, SERVER_TYPES, f"mcp_servers.{name}.type", path)
    _reject_unknown(
        _table(tables.get("permissions")), PermissionsTable.__struct_fields__, "permissions", path
    )
    for index, hook in enumerate(_list(tables.get("hooks"))):
        _reject_unknown(_table(hook), HookTable.__struct_fields__, f"hooks[{index}]", path)
    _reject_unknown(_table(tables.get("limits")), LimitsTable.__struct_fields__, "limits", path)
    _reject_unknown(_table(tables.get("search")), SearchTable.__struct_fields__, "search", path)
    _reject_unknown(_table(tables.get("memory")), MemoryTable.__struct_fields__, "memory", path)
    delegation = AutoDelegationTable.__struct_fields__
    _reject_unknown(_table(tables.get("auto_delegation")), delegation, "auto_delegation", path)
    rest: JsonObject = {
        key: value for key, value in tables.items() if key not in ("providers", "mcp_servers")
    }
    settings = _convert(rest, SettingsFile, "", path)
    for name in PermissionsTable.__struct_fields__:
        _check_rules(getattr(settings.permissions, name), f"permissions.{name}", path)
    _check_hooks(settings.hooks, path)
    check_choice(settings.mode, MODE_IDS, "mode", path)
    check_choice(settings.planning_mode, PLANNING_MODES, "planning_mode", path)
    check_choice(settings.log_level, LOG_LEVELS, "log_level", path)
    check_choice(settings.sandbox, SANDBOX_CHOICES, "sandbox", path)
    return msgspec.structs.replace(settings, providers=providers, mcp_servers=servers)


def check_choice(value: str | None, choices: Sequence[str], key: str, path: Path | None = None) -> None:
    """Refuse a value that is none of the choices; None is no value.

    Raises:
        ConfigError: names the key, the file if there is one, and the choices.
    """
    if value is not None and value not in choices:
        where = f"`{path}`: " if path else ""
        raise ConfigError(
            f"{where}`{key}`: unknown value `{value}`{nearest(value, choices)}",
            hint=f"choose one of: {', '.join(choices)}",
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the known words most like `word`, or nothing."""
    import difflib  # lazy: needed for complaints only

    found = difflib.get_close_matches(word, list(known), n=2, cutoff=0.7)
    return f"; did you mean {' or '.join(f'`{each}`' for each in found)}?" if found else ""


def _check_rules(rules: Sequence[str], key: str, path: Path) -> None:
    if len(rules) > MAX_RULES:
        raise ConfigError(f"`{path}`: `{key}`: has more than {MAX_RULES} rules")
    for rule in rules:
        try:
            parse_rule(rule)
        except ValueError as exc:
            raise ConfigError(
                f"`{path}`: `{key}`: the rule `{rule}` cannot be used: {exc}",
                hint="write a rule such as `Bash(npm test)` or `Edit(src/**)`",
            ) from exc


def _check_hooks(hooks: Sequence[HookTable], path: Path) -> None:
    if len(hooks) > MAX_HOOKS:
        raise ConfigError(f"`{path}`: `hooks`: there are more than {MAX_HOOKS}")
    for index, hook in enumerate(hooks):
        check_choice(hook.event, HOOK_EVENTS, f"hooks[{index}].event", path)
        check_choice(hook.on_failure, FAILURES, f"hooks[{index}].on_failure", path)
        if complaint := complaint_about(hook):
            raise ConfigError(f"`{path}`: `hooks[{index}]`: {complaint}")


def _convert(table: JsonObject, kind: type[T], key: str, path: Path) -> T:
    _reject_unknown(table, kind.__struct_fields__, key, path)
    try:
        return msgspec.convert(table, kind, dec_hook=_to_secret)
    except msgspec.ValidationError as exc:
        what, _, where = str(exc).partition(" - at `$")
        full_key = f"{key}{where.rstrip('`')}".lstrip(".")
        if missing := re.match("Object missing required field `(.*)`", what):
            raise ConfigError(f"`{path}`: `{full_key}.{missing[1]}`: is missing") from exc
        what = what.replace(" | null", "").replace("object", "table").replace("array", "list")
        raise ConfigError(f"`{path}`: `{full_key}`: {what[:1].lower()}{what[1:]}") from exc


def _to_secret(kind: type[object], value: object) -> object:
    if kind is not Secret or not isinstance(value, str):
        raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
    return Secret(value)


def _reject_unknown(table: JsonObject, known: Sequence[str], key: str, path: Path) -> None:
    for name in table:
        if name not in known:
            full_key = f"{key}.{name}" if key else name
            raise ConfigError(
                f"`{path}`: unknown key `{full_key}`{nearest(name, known)}",
                hint=f"known keys here: {', '.join(known)}",
            )


def _named_tables(tables: JsonObject, group: str, path: Path) -> Iterator[tuple[str, JsonObject]]:
    named = tables.get(group, {})
    if not isinstance(named, dict):
        raise ConfigError(f"`{path}`: `{group}`: expected tables such as `[{group}.NAME]`")
    for name, table in named.items():
        if not isinstance(table, dict):
            raise ConfigError(f"`{path}`: `{group}.{name}`: expected a table `[{group}.{name}]`")
        if not name or "/" in name or ":" in name:
            raise ConfigError(f"`{path}`: `{group}`: the name `{name}` is empty or has a `/` or `:`")
        yield name, table


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _table(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _syntax_complaint(message: str, content: bytes) -> str:
    what, _, where = message.rpartition(" (at ")
    line = content.count(b"\n") + 1
    if where.startswith("line "):
        line = int(where.removeprefix("line ").partition(",")[0])
    return f"line {line}: {what[:1].lower()}{what[1:]}"
