"""A project's own settings file: what of it counts, and why the rest does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.base.paths import Places
from acp_agent.sdk.model_choice import split_model
from acp_agent.sdk.settings.file import (
    PermissionsTable,
    SettingsFile,
    check_settings,
    parse_toml,
    read_bytes,
)
from acp_agent.sdk.settings.presets import ALWAYS_PRESENT
from acp_agent.sdk.settings.provider import ProviderConfig
from acp_agent.sdk.settings.trust import digest, project_file, real_path, trusted_folders

_USERS_OWN = {
    "providers": "endpoints and keys are",
    "store": "where sessions are kept is",
    "memory": "what is remembered, and where, is",
    "sandbox": "what confines commands is",
    "sandbox_writable": "what commands may change is",
    "limits": "what may be used up is",
    "search": "where searches are sent is",
    "max_frame_mib": "how long a message may be is",
    "log_level": "what is logged is",
}


class ProjectSettings(msgspec.Struct, frozen=True):
    """What a project's file may decide. `file` is None when there is none to read."""

    file: Path | None = None
    settings: SettingsFile = SettingsFile()
    ignored: tuple[str, ...] = ()


def read_project(
    cwd: Path | None, places: Places, providers: Mapping[str, ProviderConfig]
) -> ProjectSettings:
    """The settings of the project in `cwd`.

    An untrusted file decides at most which of the user's models is used and what is denied or asked about,
    and is never a reason to fail: anybody could stop the agent from starting with one.

    Raises:
        ConfigError: the user trusted the file, and it cannot be used.
    """
    file = project_file(cwd) if cwd else None
    if cwd is None or file is None:
        return ProjectSettings()
    try:
        content = read_bytes(file)
    except ConfigError as exc:
        return ProjectSettings(file, ignored=(str(exc),))
    if content is None:
        return ProjectSettings()
    try:
        reviewed = trusted_folders(places).get(real_path(cwd))
    except ConfigError as exc:
        return _untrusted(file, content, providers, why=f"no folder counts as trusted: {exc}")
    if reviewed is None:
        why = f"the folder is not trusted; review the file, then run `acp-agent trust {cwd}`"
        return _untrusted(file, content, providers, why=why)
    if reviewed != digest(content):
        why = f"the file changed since it was trusted; review it, then run `acp-agent trust {cwd}`"
        return _untrusted(file, content, providers, why=why)
    return _trusted(file, content)


def _trusted(file: Path, content: bytes) -> ProjectSettings:
    settings = check_settings(parse_toml(content, file), file)
    ignored = tuple(
        f"`{file}`: `{key}` has no effect: {what} set in the user's file only"
        for key, what in _USERS_OWN.items()
        if getattr(settings, key)
    )
    settings = msgspec.structs.replace(
        settings,
        store=None,
        memory=None,
        sandbox=None,
        sandbox_writable=None,
        limits=None,
        search=None,
        max_frame_mib=None,
        log_level=None,
    )
    return ProjectSettings(file, settings, ignored)


def _untrusted(
    file: Path, content: bytes, providers: Mapping[str, ProviderConfig], *, why: str
) -> ProjectSettings:
    try:
        tables = parse_toml(content, file)
    except ConfigError as exc:
        return ProjectSettings(file, ignored=(f"{exc}; the file has no effect",))
    ignored: list[str] = []
    wanted = tables.pop("model", None)
    model = wanted if isinstance(wanted, str) and _is_users_model(wanted, providers) else None
    if wanted is not None and model is None:
        ignored.append(f"`{file}`: `model` has no effect: it is none of the models you configured")
    permissions, unused = _restrictions(tables.pop("permissions", None), file)
    if unused:
        ignored.append(f"`{file}`: `permissions`: {unused} without effect: {why}")
    if tables:
        ignored.append(f"`{file}`: {_named(tables)} without effect: {why}")
    return ProjectSettings(file, SettingsFile(model=model, permissions=permissions), tuple(ignored))


def _restrictions(table: JsonValue, file: Path) -> tuple[PermissionsTable, str]:
    """The `ask` and `deny` rules of a stranger, which can do no harm, and what else there is."""
    if table is None:
        return PermissionsTable(), ""
    try:
        written = check_settings({"permissions": table}, file).permissions
    except ConfigError:
        return PermissionsTable(), "it cannot be used and is"
    return msgspec.structs.replace(written, allow=()), "`allow` is" if written.allow else ""


def _is_users_model(model: str, providers: Mapping[str, ProviderConfig]) -> bool:
    """Whether the user set it up: it is listed, or its provider is well known and has a key."""
    try:
        name, model_id = split_model(model)
    except ConfigError:
        return False
    provider = providers.get(name)
    if provider is None or not provider.usable:
        return False
    if provider.models:
        return any(listed.id == model_id for listed in provider.models)
    return name in ALWAYS_PRESENT


def _named(tables: JsonObject) -> str:
    """The known keys by name; others are only counted, because their names are a stranger's text."""
    known = [f"`{key}`" for key in SettingsFile.__struct_fields__ if key in tables]
    others = len(tables) - len(known)
    if others:
        known.append("1 unknown key" if others == 1 else f"{others} unknown keys")
    return ", ".join(known)
