"""The model services of a configuration: presets, files and environment combined, keys kept hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.sdk.keys import stored_keys
from acp_agent.sdk.settings.file import ModelTable, ProviderTable, SettingsFile
from acp_agent.sdk.settings.presets import ALWAYS_PRESENT, PRESETS, Preset, ProviderType
from acp_agent.sdk.settings.secret import Secret

_KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key"})


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One model service, ready to be built.

    Attributes:
        name: what its models are prefixed with.
        base_url: endpoint without a trailing slash; empty for `scripted`. For `openai` it includes the
            version (`…/v1`), for `anthropic` it does not.
        api_key: None when there is none.
        key_source: where the key comes from or would be looked for, for people; never the key.
        models: the models listed in the file; ids without the provider's name.
        script: file that `scripted` plays; None plays the tour.
        thinking_budget: tokens an `anthropic` model may think, or None for no thinking.
        keyless: whoever chose its endpoint said all that is needed to be let in.
    """

    name: str
    type: ProviderType
    base_url: str = ""
    api_key: Secret | None = None
    key_source: str = ""
    headers: tuple[tuple[str, Secret], ...] = ()
    models: tuple[ModelTable, ...] = ()
    script: Path | None = None
    thinking_budget: int | None = None
    keyless: bool = False

    @property
    def needs_key(self) -> bool:
        """Whether it asks for a key: it is not scripted, not on this machine, and no header carries one."""
        return not (self.is_local or self.keyless or self.has_key_header)

    @property
    def has_key_header(self) -> bool:
        """Whether one of its headers carries a key."""
        return any(name.lower() in _KEY_HEADERS for name, _ in self.headers)

    @property
    def is_local(self) -> bool:
        """Whether requests stay on this machine."""
        return self.type == "scripted" or _is_loopback(self.base_url)

    @property
    def usable(self) -> bool:
        """Whether a request could be sent: there is a key, or none is needed."""
        return self.api_key is not None or not self.needs_key

    @property
    def is_locked(self) -> bool:
        """Whether it is known to let nobody in without a key, and there is none."""
        preset = PRESETS.get(self.name)
        return not self.usable and preset is not None and self.base_url == preset.base_url


def collect_providers(
    user: SettingsFile,
    user_file: Path | None,
    *,
    mentioned: Iterable[str],
    env: Mapping[str, str],
    script: Path | None,
    places: Places,
) -> dict[str, ProviderConfig]:
    """Every provider by name: those always there, then the file's in its order, then presets just mentioned.

    Raises:
        ConfigError: a provider in the file cannot work.
    """
    stored = stored_keys(places)
    preset_keys = [name for name in stored if name in PRESETS]
    names = dict.fromkeys([*ALWAYS_PRESENT, *user.providers, *preset_keys, *mentioned])
    return {
        name: _provider(name, user.providers.get(name), user_file, env, script, places, stored.get(name))
        for name in names
    }


def _provider(
    name: str,
    table: ProviderTable | None,
    file: Path | None,
    env: Mapping[str, str],
    script: Path | None,
    places: Places,
    stored_key: Secret | None,
) -> ProviderConfig:
    written = table or ProviderTable()
    preset = PRESETS.get(name)
    key = f"`{file}`: `providers.{name}"
    if written.type is None and preset is None:
        raise ConfigError(
            f"{key}.type`: is missing", hint='set `type = "openai"` for OpenAI-compatible services'
        )
    # The file's own type was checked against the choices when it was read.
    kind = cast("ProviderType", written.type) if written.type or preset is None else preset.type
    if preset is None or preset.type != kind:
        preset = Preset(type=kind)
    if kind == "scripted":
        played = script if name == "scripted" and script else _script_path(written.script, file, places)
        if played is None and name != "scripted":
            raise ConfigError(f"{key}.script`: is missing", hint="name the file with the script to play")
        return ProviderConfig(name=name, type=kind, script=played)
    if written.script is not None:
        raise ConfigError(f'{key}.script`: is for `type = "scripted"` only')
    if written.thinking_budget is not None and kind != "anthropic":
        raise ConfigError(f'{key}.thinking_budget`: is for `type = "anthropic"` only')
    env_url = env.get(preset.base_url_env, "")
    url = env_url or written.base_url or preset.base_url
    _check_url(url, f"`{preset.base_url_env}" if env_url else f"{key}.base_url")
    own_endpoint = bool(written.base_url) and not env_url
    api_key, source = _find_key(written, preset, env, own_endpoint=own_endpoint)
    if api_key is None and stored_key is not None:
        api_key, source = stored_key, "`acp-agent login`"
    return ProviderConfig(
        name=name,
        type=kind,
        base_url=url.rstrip("/"),
        api_key=api_key,
        key_source=source,
        headers=tuple(written.headers.items()),
        models=tuple(ModelTable(id=model) if isinstance(model, str) else model for model in written.models),
        thinking_budget=written.thinking_budget,
    )


def _find_key(
    written: ProviderTable, preset: Preset, env: Mapping[str, str], *, own_endpoint: bool
) -> tuple[Secret | None, str]:
    """The key and where it comes from.

    A variable named in the file is the user's word and nothing else is tried. Otherwise the standard variable
    wins over a key in the file, as the environment does everywhere; but not where the file gives endpoint and
    key together, because that would send the one service's key to the other.
    """
    named = written.api_key_env or preset.key_env
    from_env = Secret(env[named]) if named and env.get(named) else None
    source = f"environment variable `{named}`" if named else ""
    if written.api_key_env or written.api_key is None:
        return from_env, source
    if from_env is not None and not own_endpoint:
        return from_env, source
    return written.api_key, "`api_key` in the configuration file"


def _script_path(written: str | None, file: Path | None, places: Places) -> Path | None:
    if written is None or file is None:
        return None
    return file.parent / places.expand(written)


def _check_url(url: str, key: str) -> None:
    if not url:
        raise ConfigError(f"{key}`: is missing", hint="give the address of the service")
    try:
        parts = urlsplit(url)
        host = parts.hostname if (parts.port or 1) > 0 else None
    except ValueError as exc:
        raise ConfigError(f"{key}`: is not a URL") from exc
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{key}`: is not an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{key}`: has a user name or password in it", hint="use `api_key_env` or `headers`")


def _is_loopback(url: str) -> bool:
    """Whether the URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    if host in ("localhost", "::1") or host.endswith(".localhost"):
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdecimal() for part in parts)
