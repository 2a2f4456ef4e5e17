"""Text from MCP servers and about them, made fit to show: short, free of control characters and secrets."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, urlsplit

from acp_agent.model.mcp import ChannelServer, HttpServer, McpServer, StdioServer

MAX_NAME = 64
"""Longest tool name every model service accepts."""

_HASH = 8
_MIN_SECRET = 4  # hiding `1` or `on` would garble messages and protect nothing
_MARGIN = 8  # times the wanted length is looked at: a server may send megabytes for a line
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def clean(text: str, limit: int) -> str:
    """`text` without control, direction and invisible characters, cut to `limit` characters."""
    text = _CONTROL.sub("", text[: _MARGIN * limit])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(text: str, limit: int) -> str:
    """`text` cleaned, with every run of white space as one space."""
    return clean(" ".join(text[: _MARGIN * limit].split()), limit)


def tool_name(server: str, tool: str) -> str:
    """The name the model calls the tool by: `mcp__server__tool`, of `[A-Za-z0-9_-]`, 64 characters at most.

    A name that had to be changed gets a hash of the original, so that different tools keep different names
    and a remembered permission never moves to another tool.
    """
    wanted = f"mcp__{server}__{tool}"
    legal = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)
    if legal == wanted and len(legal) <= MAX_NAME and "__" not in server:
        return legal
    digest = hashlib.sha256(f"{server}\0{tool}".encode("utf-8", "replace")).hexdigest()[:_HASH]
    return f"{legal[: MAX_NAME - _HASH - 1]}_{digest}"


def without_secrets(text: str, server: McpServer) -> str:
    """`text` with everything hidden that the server's configuration may keep secret."""
    for secret in sorted(_secrets(server), key=len, reverse=True):
        if len(secret) >= _MIN_SECRET:
            text = text.replace(secret, "***")
    return text


def _secrets(server: McpServer) -> set[str]:
    match server:
        case StdioServer():
            values = [value for _, value in server.env]
        case HttpServer():
            values = [value for _, value in server.headers] + _url_secrets(server.url)
        case ChannelServer():
            return set()
    found: set[str] = set()
    for value in values:
        # Errors quote values whole, without the scheme before them, by word, or as Python literals.
        for part in (value, value.partition(" ")[2]):
            found.update((part, repr(part)[1:-1], *part.split()))
    return found


def _url_secrets(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        query = [value for _, value in parse_qsl(parts.query)]
    except ValueError:
        return [url]
    return [parts.path, parts.query, parts.username or "", parts.password or "", *query]
