"""The settings of an embedded agent, from a file, a text or a mapping."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, cast

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.base.paths import find_places
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.opening.block_settings import is_block_shaped, tables_of
from acp_agent.sdk.settings.blocks import parse_blocks
from acp_agent.sdk.settings.file import SettingsFile, check_settings, parse_toml, read_bytes

ConfigLike: TypeAlias = str | os.PathLike[str] | Mapping[str, object]
"""A path, settings as text, or settings as a mapping."""

INLINE = Path("inline settings")
BLOCK_SUFFIXES = (".hcl", ".acl")

OWN_KEYS = ("skill_dirs", "agent_dirs", "sessions_dir")
"""Settings that only embedded agents have."""


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings, and what to call their source in messages.

    `has_store` says whether they name a store; without one nothing is kept unless a session says so.
    """

    file: SettingsFile
    source: Path
    skill_dirs: tuple[Path, ...] = ()
    agent_dirs: tuple[Path, ...] = ()
    sessions_dir: Path | None = None
    has_store: bool = False


def read_config(config: ConfigLike | None, env: Mapping[str, str]) -> AgentSettings:
    """The settings that `config` is, or leads to; None is no settings.

    A text is a path unless it has a line break, `=`, `{` or `:` followed by a space in it. `~` is the home.

    Raises:
        ConfigInvalid: they cannot be read or used.
    """
    try:
        return _checked(*_tables(config, env), env)
    except ConfigInvalid:
        raise
    except ConfigError as exc:
        raise ConfigInvalid(str(exc), hint=exc.hint) from exc


def _tables(config: ConfigLike | None, env: Mapping[str, str]) -> tuple[JsonObject, Path]:
    if config is None:
        return {}, INLINE
    if isinstance(config, Mapping):
        try:
            return cast("JsonObject", msgspec.to_builtins(dict(config))), INLINE
        except TypeError as exc:
            raise ConfigInvalid(f"`{INLINE}`: a value is none that settings have: {exc}") from exc
    if isinstance(config, str) and _is_inline(config):
        return _parsed(config, INLINE, env), INLINE
    path = find_places(env).expand(os.fspath(config)).absolute()
    content = read_bytes(path)
    if content is None:
        raise ConfigInvalid(f"`{path}`: no such file", hint="name an existing file, or give settings as text")
    try:
        text = content.decode()
    except UnicodeDecodeError as exc:
        raise ConfigInvalid(f"`{path}`: is not UTF-8") from exc
    return _parsed(text, path, env), path


def _is_inline(config: str) -> bool:
    return not config.strip() or any(mark in config for mark in ("\n", "=", "{", ": "))


def _parsed(text: str, path: Path, env: Mapping[str, str]) -> JsonObject:
    if path.suffix in BLOCK_SUFFIXES:
        return parse_blocks(text, str(path), env)
    if path != INLINE:
        return parse_toml(text.encode(), path)
    try:
        return parse_toml(text.encode(), path)
    except ConfigError as toml_error:
        try:
            return parse_blocks(text, str(path), env)
        except ConfigError as block_error:
            looks_like_blocks = "default_model" in text or ("{" in text and "[providers" not in text)
            raise (block_error if looks_like_blocks else toml_error) from None


def _checked(tables: JsonObject, source: Path, env: Mapping[str, str]) -> AgentSettings:
    if is_block_shaped(tables):
        tables = tables_of(tables, str(source))
    folder = source.parent if source.is_absolute() else Path.cwd()
    own = {key: tables[key] for key in OWN_KEYS if key in tables}
    rest: JsonObject = {key: value for key, value in tables.items() if key not in own}
    rest.setdefault("remember_choices", False)
    memory = rest.get("memory")
    if isinstance(memory, dict) and "dir" in memory:
        rest["memory"] = {**memory, "dir": str(_folder(memory["dir"], "memory.dir", folder, env))}
    has_store = "store" in rest
    if not has_store:
        rest["store"] = "memory:"
    sessions_dir = own.get("sessions_dir")
    return AgentSettings(
        file=check_settings(rest, source),
        source=source,
        skill_dirs=_folders(own.get("skill_dirs"), "skill_dirs", folder, env),
        agent_dirs=_folders(own.get("agent_dirs"), "agent_dirs", folder, env),
        sessions_dir=None if sessions_dir is None else _folder(sessions_dir, "sessions_dir", folder, env),
        has_store=has_store,
    )


def _folders(value: JsonValue, key: str, base: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ConfigInvalid(f"`{key}`: expected a list of folders")
    return tuple(_folder(item, key, base, env) for item in value)


def _folder(value: JsonValue, key: str, base: Path, env: Mapping[str, str]) -> Path:
    if not isinstance(value, str):
        raise ConfigInvalid(f"`{key}`: expected the path of a folder")
    return base / find_places(env).expand(value)
