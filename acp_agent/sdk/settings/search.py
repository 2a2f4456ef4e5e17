"""The search service of a configuration: which one, where, and its key, kept hidden."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.sdk.settings.secret import Secret


class SearchTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[search]` as written."""

    kind: Literal["brave", "tavily", "searxng"]
    base_url: str | None = None
    api_key_env: str | None = None
    api_key: Secret | None = None


class SearchConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A search service that can be asked; `base_url` ends without a slash."""

    kind: Literal["brave", "tavily", "searxng"]
    base_url: str
    api_key: Secret | None = None


class _Preset(NamedTuple):
    base_url: str
    key_env: str


_PRESETS = {
    "brave": _Preset("https://api.search.brave.com", "BRAVE_API_KEY"),
    "tavily": _Preset("https://api.tavily.com", "TAVILY_API_KEY"),
    "searxng": _Preset("", ""),
}


def read_search(
    table: SearchTable | None, file: Path | None, env: Mapping[str, str]
) -> tuple[SearchConfig | None, tuple[str, ...]]:
    """The service, and why there is none though the file names one.

    A variable that the file names is the only place its key is looked for; else the usual variable of the
    service counts before the key in the file, unless the file says where the service is.

    Raises:
        ConfigError: the address cannot be used.
    """
    if table is None:
        return None, ()
    preset = _PRESETS[table.kind]
    url = table.base_url or preset.base_url
    if not _is_address(url):
        raise ConfigError(
            f"`{file}`: `search.base_url`: is not an http or https URL without a name, password or query",
            hint="give the address of the service, such as `https://search.example.org`",
        )
    name = table.api_key_env or ("" if table.base_url else preset.key_env)
    from_env = Secret(env[name]) if name and env.get(name) else None
    key = from_env if table.api_key_env else from_env or table.api_key
    if key is None and (preset.key_env or table.api_key_env):
        where = f"environment variable `{name}` is not set" if name else "`api_key` is missing"
        return None, (f"`{file}`: `search` has no effect: {where}",)
    return SearchConfig(kind=table.kind, base_url=url.rstrip("/"), api_key=key), ()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = (parts.port or 1) > 0 and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        return False
    odd = parts.username is not None or parts.password is not None or parts.query or parts.fragment
    return usable and parts.scheme in ("http", "https") and bool(parts.hostname) and not odd
