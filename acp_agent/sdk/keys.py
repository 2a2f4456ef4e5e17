"""API keys entered with `acp-agent login`, kept in a private file until `logout`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.sdk.private_file import write_private
from acp_agent.sdk.settings.file import read_bytes
from acp_agent.sdk.settings.secret import Secret


def stored_keys(places: Places) -> Mapping[str, Secret]:
    """Keys by provider name; empty if none were entered.

    Raises:
        ConfigError: the file cannot be read.
    """
    path = _key_file(places)
    content = read_bytes(path) if path else None
    if content is None:
        return {}
    try:
        keys = msgspec.json.decode(content, type=dict[str, str])
    except msgspec.MsgspecError as exc:
        raise ConfigError(
            f"`{path}`: cannot be read", hint="delete it and run `acp-agent login` again"
        ) from exc
    return {name: Secret(key) for name, key in keys.items()}


def store_key(places: Places, provider: str, key: Secret) -> Path:
    """Keep a key; returns the file it is in.

    Raises:
        ConfigError: there is no folder to keep it in, or it cannot be written.
    """
    path = _key_file(places)
    if path is None:
        raise ConfigError("there is no folder to keep the key in", hint="set `ACP_AGENT_HOME`")
    keys = {name: kept.reveal() for name, kept in stored_keys(places).items()}
    write_private(path, msgspec.json.encode({**keys, provider: key.reveal()}))
    return path


def forget_keys(places: Places) -> None:
    """Delete every stored key.

    Raises:
        ConfigError: the file cannot be deleted.
    """
    path = _key_file(places)
    if path is None:
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise ConfigError(f"`{path}`: cannot be deleted: {exc.strerror}") from exc


def _key_file(places: Places) -> Path | None:
    return places.data_dir / "keys.json" if places.data_dir else None
