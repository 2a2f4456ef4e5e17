"""Which pages the user may be asked to open: those whose address says honestly where it leads."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

MAX_URL = 4_000


def why_not_visit(url: str) -> str:
    """Why nobody is sent to this address; empty if nothing speaks against it."""
    if len(url) > MAX_URL:
        return f"its address is longer than {MAX_URL} characters"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "its address has characters that could hide where it leads"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "its address is malformed"
    if not host:
        return "its address names no host"
    if parts.username is not None or parts.password is not None:
        return "its address holds a user name, which could pass for the host"
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
        return ""
    return "only `https` addresses are opened, and `http` ones of this machine"


def host_of(url: str) -> str:
    """The host that a page which may be visited is at."""
    return urlsplit(url).hostname or ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
