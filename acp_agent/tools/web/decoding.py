"""The bytes of a page as text: how they were packed, and in which of the world's character sets they are."""

from __future__ import annotations

import codecs
import re
import zlib

from acp_agent.base.errors import ToolError

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_HEAD = 1_024
"""Bytes of a page in which it may say its own character set."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """At most `limit` bytes of what was sent with this `content-encoding`; a cut end is no error.

    Raises:
        ToolError: it is packed in a way that is not understood, although nothing packed was asked for.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ToolError(f"the page is packed as `{encoding[:40]}`, which is not understood")
    try:
        return zlib.decompressobj(32 + zlib.MAX_WBITS).decompress(body, limit)
    except zlib.error as exc:
        raise ToolError(f"the page is said to be packed as `{encoding}`, and is not") from exc


def decoded(body: bytes, content_type: str) -> str:
    """The text, by its byte order mark, what the server says, or what an HTML page says itself."""
    for mark, charset in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace")
    found = _CHARSET.search(content_type.encode("latin-1", "replace"))
    if found is None and "html" in content_type:
        found = _CHARSET.search(body[:_HEAD])
    try:
        return body.decode(found[1].decode("ascii", "replace") if found else "utf-8", "replace")
    except (LookupError, UnicodeError):  # no such character set, or one that is no character set
        return body.decode("utf-8", "replace")
