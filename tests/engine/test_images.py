"""The kind and size of a picture are read from its bytes, whatever follows and however it is cut."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base import base64text
from acp_agent.engine.attachments.images import (
    MAX_BYTES,
    MAX_SIDE,
    Picture,
    read_header,
    why_too_large,
    with_true_type,
)
from acp_agent.model.content import Image


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0;"


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(width: int, height: int, *before: bytes, marker: int = 0xC0) -> bytes:
    frame = segment(marker, b"\x08" + struct.pack(">HH", height, width) + b"\x03" + b"\0" * 9)
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0") + b"".join(before) + frame + b"\xff\xd9"


def riff(kind: bytes, content: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp(width: int, height: int) -> bytes:
    return riff(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\0" * 4)


def webp_lossless(width: int, height: int) -> bytes:
    return riff(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\0" * 8)


def webp_extended(width: int, height: int) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff(b"VP8X", b"\0" * 4 + sizes)


Maker: TypeAlias = Callable[[int, int], bytes]
MAKERS: dict[Maker, str] = {
    png: "image/png",
    gif: "image/gif",
    jpeg: "image/jpeg",
    webp: "image/webp",
    webp_lossless: "image/webp",
    webp_extended: "image/webp",
}


@pytest.mark.parametrize("make", MAKERS)
@given(width=st.integers(1, 9_999), height=st.integers(1, 9_999), more=st.binary(max_size=20))
def test_kind_and_size_are_read(make: Maker, width: int, height: int, more: bytes) -> None:
    assert read_header(make(width, height) + more) == Picture(MAKERS[make], width, height)


@pytest.mark.parametrize("make", MAKERS)
def test_a_picture_cut_anywhere_has_its_size_or_none(make: Maker) -> None:
    whole = make(320, 200)
    for length in range(len(whole)):
        found = read_header(whole[:length])
        assert found in (None, Picture(MAKERS[make]), Picture(MAKERS[make], 320, 200)), length
    assert read_header(whole[:12]) == Picture(MAKERS[make]) or make is gif


@pytest.mark.parametrize(
    "before",
    [
        segment(0xE1, b"Exif\0\0" + b"\xff\xc0" * 30_000),  # a thumbnail has frame headers of its own
        segment(0xC4, b"\x01" * 40),  # tables with markers like those of frames
        b"\xff\xff" + segment(0xFE, b"comment"),  # fill bytes
        b"\xff\x01",
    ],
)
@pytest.mark.parametrize("marker", [0xC0, 0xC2, 0xCF])
def test_the_size_of_a_jpeg_is_that_of_its_own_frame(before: bytes, marker: int) -> None:
    assert read_header(jpeg(640, 480, before, marker=marker)) == Picture("image/jpeg", 640, 480)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"%PDF-1.7",
        b"BM\0\0",
        b"II*\0",
        b"<svg/>",
        b"RIFF\0\0\0\0WAVE",
        b"GIF88a\0\0\0\0",
        b"\x89PNG\n",
    ],
)
def test_everything_else_is_no_picture(data: bytes) -> None:
    assert read_header(data) is None


STARTS = st.sampled_from(
    [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8L", b"GIF87a"]
)


@given(STARTS, st.binary(max_size=80))
def test_any_bytes_are_looked_at_without_an_error(start: bytes, rest: bytes) -> None:
    found = read_header(start + rest)
    assert found is None or (found.width >= 0 and found.height >= 0)


@pytest.mark.parametrize(
    ("picture", "size", "words"),
    [
        (Picture("image/png", MAX_SIDE, MAX_SIDE), MAX_BYTES, ""),
        (Picture("image/png"), 1, ""),
        (Picture("image/png", 1, 1), MAX_BYTES + 1, f"{MAX_BYTES + 1} bytes; models take {MAX_BYTES}"),
        (Picture("image/png", MAX_SIDE + 1, 1), 1, "8001 x 1 pixels; models take 8000"),
        (Picture("image/png", 1, MAX_SIDE + 1), 1, "1 x 8001 pixels; models take 8000"),
    ],
)
def test_a_limit_that_is_exceeded_is_named(picture: Picture, size: int, words: str) -> None:
    found = why_too_large(picture, size)
    assert bool(found) == bool(words)
    assert words in found


def test_the_largest_picture_has_five_mebibytes_in_base64() -> None:
    assert len(base64text.encode(bytes(MAX_BYTES))) == 5 * 1024 * 1024


@pytest.mark.parametrize("make", MAKERS)
def test_the_media_type_follows_the_bytes(make: Maker) -> None:
    data = base64text.encode(make(100, 100) * 9)
    assert with_true_type(Image(data, "image/tiff", "u")) == Image(data, MAKERS[make], "u")


@pytest.mark.parametrize("data", ["", "AA==", "no base64!", "\N{SNOWMAN}"])
def test_what_is_no_picture_keeps_its_media_type(data: str) -> None:
    assert with_true_type(Image(data, "image/png")) == Image(data, "image/png")


@pytest.mark.parametrize(
    "text", ["A", "AA", "AA=", "AA==\n", " AA==", "A-_=", "data:image/png;base64,AA==", "é"]
)
def test_sloppy_base64_is_refused(text: str) -> None:
    with pytest.raises(base64text.InvalidBase64):
        base64text.decode(text)


@given(st.binary(max_size=50))
def test_base64_comes_back(data: bytes) -> None:
    assert base64text.decode(base64text.encode(data)) == data
