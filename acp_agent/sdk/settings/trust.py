"""Which project folders the user has allowed to change settings, and for which content of their file.

Trust is for the bytes that were reviewed: the list keeps a SHA-256 of the project's settings file, so a file
that changed is a stranger again. A project without one can be trusted too, for its commands and skills; it is
a stranger again once it has one. The list lies in the user's data folder, outside of every project.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.sdk.private_file import write_private
from acp_agent.sdk.settings.file import check_settings, parse_toml, read_bytes

COMMAND_FOLDERS = (".acp-agent/commands", ".claude/commands")
SKILL_FOLDERS = (".acp-agent/skills", ".agents/skills", ".claude/skills")
AGENT_FOLDERS = (".acp-agent/agents", ".a3s/agents", ".claude/agents")
"""Folders of a project with prompts for its user; those that stand first win over equal names."""


class TrustList(msgspec.Struct, frozen=True):
    """Content of `trusted.json`: real path of a folder to the SHA-256 of its settings file."""

    folders: dict[str, str] = {}


def project_file(folder: Path) -> Path:
    """Where a project keeps its settings."""
    return folder / ".acp-agent" / "config.toml"


def trusted_folders(places: Places) -> Mapping[str, str]:
    """The trusted folders' real paths and the digests their settings files had.

    Raises:
        ConfigError: the list cannot be read.
    """
    if places.data_dir is None:
        return {}
    path = _list_file(places.data_dir)
    content = read_bytes(path)
    if content is None:
        return {}
    try:
        return msgspec.json.decode(content, type=TrustList).folders
    except msgspec.MsgspecError as exc:
        raise ConfigError(
            f"`{path}`: cannot be read: {exc}", hint="delete it and trust your folders again"
        ) from exc


def digest(content: bytes) -> str:
    """What the list remembers of a settings file."""
    return hashlib.sha256(content).hexdigest()


def real_path(folder: Path) -> str:
    """The name a folder has in the list: absolute, links followed."""
    return os.path.realpath(folder)


def trust_folder(places: Places, folder: Path) -> bytes:
    """Trust the folder with its settings file as it is now; returns the content that is trusted.

    Raises:
        ConfigError: the folder has neither a settings file nor commands nor skills, the file could not be
            used, or the list cannot be kept.
    """
    path = project_file(folder)
    content = read_bytes(path)
    if content is None:
        if not prompt_folders(folder):
            raise ConfigError(f"there is nothing to trust: no file `{path}`, no commands and no skills")
        content = b""
    check_settings(parse_toml(content, path), path)
    _save(places, {**trusted_folders(places), real_path(folder): digest(content)})
    return content


def prompt_folders(folder: Path) -> list[Path]:
    """Where the project has commands, skills and subagents."""
    names = (*COMMAND_FOLDERS, *SKILL_FOLDERS, *AGENT_FOLDERS)
    return [folder / name for name in names if os.path.isdir(os.path.join(folder, name))]


def why_not_trusted(places: Places, folder: Path) -> str:
    """Why the folder counts as a stranger's, and what to do; empty if it is trusted."""
    try:
        content = read_bytes(project_file(folder)) or b""
        reviewed = trusted_folders(places).get(real_path(folder))
    except ConfigError as exc:
        return f"no folder counts as trusted: {exc}"
    if reviewed is None:
        return f"the folder is not trusted; review it, then run `acp-agent trust {folder}`"
    if reviewed != digest(content):
        return f"the settings file changed since the folder was trusted; run `acp-agent trust {folder}` again"
    return ""


def distrust_folder(places: Places, folder: Path) -> bool:
    """Take the folder off the list; False if it was not on it.

    Raises:
        ConfigError: the list cannot be read or kept.
    """
    folders = dict(trusted_folders(places))
    if folders.pop(real_path(folder), None) is None:
        return False
    _save(places, folders)
    return True


def _list_file(data_dir: Path) -> Path:
    return data_dir / "trusted.json"


def _save(places: Places, folders: dict[str, str]) -> None:
    if places.data_dir is None:
        raise ConfigError("there is no folder to keep the list in", hint="set `ACP_AGENT_HOME`")
    content = msgspec.json.format(msgspec.json.encode(TrustList(folders)), indent=2)
    write_private(_list_file(places.data_dir), content)
