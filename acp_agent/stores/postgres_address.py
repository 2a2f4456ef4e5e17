"""Addresses of PostgreSQL databases, shown without the passwords in them."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = ("postgresql://", "postgres://")


def shown_address(url: str) -> str:
    """The address without password and parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "postgresql://…"
    userinfo, at, host = parts.netloc.rpartition("@")
    user = userinfo.partition(":")[0]
    return f"{parts.scheme}://{user}{at}{host}{parts.path}"


def without_secrets(text: str, url: str) -> str:
    """The text with every password of the address made unreadable."""
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}
    written = parts.netloc.rpartition("@")[0].partition(":")[2]
    found = {url, written, unquote(written)}
    found.update(value for name, value in parse_qsl(parts.query) if "password" in name)
    return {secret for secret in found if secret}
