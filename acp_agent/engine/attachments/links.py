"""Which file a URI in a prompt names, and which of its lines. Editors write them in many ways."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

_LINES = re.compile(r"L(\d{1,9})(?:C\d+)?(?:[-:]L?(\d{1,9})(?:C\d+)?)?", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two characters at least: one is a drive of Windows
_DRIVE = re.compile(r"/[A-Za-z]:(?:[/\\]|$)")


class FileLink(msgspec.Struct, frozen=True):
    """A file or directory, by name.

    `paths` are readings of the URI, the likeliest first: some editors escape special characters, some do not.
    `lines` is the first and the last line meant, counted from 1, or None for all.
    """

    paths: tuple[str, ...]
    lines: tuple[int, int] | None = None


def file_link(uri: str) -> FileLink | None:
    """The file named by `uri`; None if it names something else, such as a web page or another machine's file.

    Understood are `file://` URIs, plain paths, and Zed's `zed:///agent/…?path=…`; lines come as `#L10-20`,
    `#L10:20` or `#L10`.
    """
    base, lines = _without_lines(uri)
    try:
        parts = urlsplit(base)
    except ValueError:
        return None
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            return None
        written = base[len("file:") :].removeprefix("//").removeprefix(parts.netloc)
        return FileLink(_readings(parts.path, written), lines)
    if parts.scheme == "zed" and parts.path.startswith("/agent/"):
        (path,) = parse_qs(parts.query).get("path", [""])[:1]
        return FileLink((path,), lines) if path else None
    if not base or _SCHEME.match(base):
        return None
    return FileLink((base,) if lines is None else (base, uri), lines)


def _readings(escaped: str, written: str) -> tuple[str, ...]:
    paths: list[str] = []
    with suppress(UnicodeDecodeError):  # then it is not escaped
        paths.append(unquote(escaped, errors="strict"))
    paths.append(written)
    return tuple(dict.fromkeys(_local(path) for path in paths if path))


def _local(path: str) -> str:
    return path[1:] if os.name == "nt" and _DRIVE.match(path) else path


def _without_lines(uri: str) -> tuple[str, tuple[int, int] | None]:
    base, _, fragment = uri.rpartition("#")
    found = _LINES.fullmatch(fragment)
    if not base or found is None:
        return uri, None
    first = int(found[1])
    last = int(found[2] or first)
    return base, (max(min(first, last), 1), max(first, last, 1))
