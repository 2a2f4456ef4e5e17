"""Which project folders the user has allowed to change settings, and for which content of their file.

Trust is for the bytes that were reviewed: the list keeps a SHA-256 of the project's settings file, so a file
that changed is a stranger again. The list lies in the user's data folder, outside of every project.
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
from acp_agent.sdk.settings_file import check_settings, parse_toml, read_bytes


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
    """Trust the folder's settings file as it is now; returns the content that is trusted.

    Raises:
        ConfigError: the folder has no settings file, it could not be used, or the list cannot be kept.
    """
    path = project_file(folder)
    content = read_bytes(path)
    if content is None:
        raise ConfigError(f"there is nothing to trust: no file `{path}`")
    check_settings(parse_toml(content, path), path)
    _save(places, {**trusted_folders(places), real_path(folder): digest(content)})
    return content


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
