"""What a picture is, from its first bytes: its kind and its size. Standard library only, nothing is decoded.

What a client or a file name says about a picture is not trusted: services refuse a whole request when the
media type and the bytes disagree, and the picture stays in the history.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from acp_agent.base import base64text
from acp_agent.model.content import Image

MEDIA_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""The kinds that models take."""

MAX_BYTES = 5 * 1024 * 1024 * 3 // 4
"""Bytes of a picture at most. Services count its base64 form, of which this is 5 MiB."""

MAX_SIDE = 8_000
"""Pixels of its longer side at most."""

_N_SNIFFED = 64  # characters of base64; the kinds differ in their first 12 bytes

_MAX_SEGMENTS = 4_096  # of a JPEG before its size comes; real ones have a few, and the caller is waiting


class Picture(msgspec.Struct, frozen=True):
    """What the header says; `width` and `height` are pixels, both 0 when it is cut off before they come."""

    mime_type: str
    width: int = 0
    height: int = 0


def read_header(data: bytes) -> Picture | None:
    """The kind and size of a PNG, JPEG, GIF or WebP; None for everything else."""
    mime_type = _kind(data)
    if mime_type is None:
        return None
    width, height = _SIZES[mime_type](data)
    return Picture(mime_type, width, height)


def why_too_large(picture: Picture, size_bytes: int) -> str:
    """Which limit a picture exceeds, with the limit; empty if none."""
    if size_bytes > MAX_BYTES:
        return f"the picture has {size_bytes} bytes; models take {MAX_BYTES}"
    if max(picture.width, picture.height) > MAX_SIDE:
        return (
            f"the picture has {picture.width} x {picture.height} pixels; models take {MAX_SIDE} on each side"
        )
    return ""


def with_true_type(image: Image) -> Image:
    """The image under the media type of its bytes; as it is if they are none we know."""
    try:
        mime_type = _kind(base64text.decode(image.data[:_N_SNIFFED]))
    except base64text.InvalidBase64:
        return image
    return image if mime_type is None else msgspec.structs.replace(image, mime_type=mime_type)


def _kind(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def _big(data: bytes, start: int, n_bytes: int) -> int:
    return int.from_bytes(data[start : start + n_bytes], "big")


def _little(data: bytes, start: int, n_bytes: int) -> int:
    return int.from_bytes(data[start : start + n_bytes], "little")


def _png_size(data: bytes) -> tuple[int, int]:
    if len(data) < 24:
        return 0, 0
    return _big(data, 16, 4), _big(data, 20, 4)


def _gif_size(data: bytes) -> tuple[int, int]:
    if len(data) < 10:
        return 0, 0
    return _little(data, 6, 2), _little(data, 8, 2)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """From the frame header, which comes after segments of any length, such as thumbnails."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        if position + 9 > len(data) or data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _big(data, position + 7, 2), _big(data, position + 5, 2)
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            position += 2
        else:
            position += 2 + _big(data, position + 2, 2)
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    if len(data) < 30:
        return 0, 0
    match data[12:16]:
        case b"VP8X":
            return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
        case b"VP8L":
            packed = _little(data, 21, 4)
            return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
        case _:
            return 0, 0


_SIZES: dict[str, Callable[[bytes], tuple[int, int]]] = {
    "image/png": _png_size,
    "image/jpeg": _jpeg_size,
    "image/gif": _gif_size,
    "image/webp": _webp_size,
}
