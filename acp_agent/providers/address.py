"""Where a model service is, and whether requests can be sent there as configured."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from acp_agent.base.errors import ConfigError
from acp_agent.providers import faults


def check_url(provider: str, url: str) -> None:
    """Accept absolute http(s) URLs without credentials.

    Raises:
        ConfigError: it is something else.
    """
    try:
        parts = urlsplit(url)
        ok = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        ok = False
        parts = None
    if not ok or parts is None or "@" in parts.netloc or not url.isascii() or not url.isprintable():
        raise ConfigError(
            f"the base URL of provider `{provider}` cannot be used",
            hint="write it as `https://host/path`, without user name and password",
        )


def check_headers(provider: str, headers: Mapping[str, str]) -> None:
    """Accept headers that can be sent as they are.

    Raises:
        ConfigError: one cannot; the message names it but never repeats its value.
    """
    for name, value in headers.items():
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise ConfigError(f"provider `{provider}`: `{faults.clean(name)}` is no header name")
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ConfigError(
                f"provider `{provider}`: the value of header `{name}` has characters that cannot be sent",
                hint="look for line ends or other stray characters in it",
            )


def check_key(provider: str, key: str) -> None:
    """Accept keys that can be part of a header.

    Raises:
        ConfigError: it cannot be one; the message does not repeat it.
    """
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"the API key of provider `{provider}` has characters that cannot be sent",
            hint="look for spaces, line ends or other stray characters in it",
        )


def is_plain_http(url: str) -> bool:
    """Whether requests to the URL are not encrypted."""
    return urlsplit(url).scheme == "http"


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> str:
    """Scheme, host and port, all explicit; safe to show."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "an invalid address"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
