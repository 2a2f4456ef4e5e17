"""Large pictures become small ones that look the same. Needs Pillow, which the extra `images` brings."""

from __future__ import annotations

import importlib
import io
import random
from typing import Any

import pytest

from acp_agent.engine.attachments.downscale import MAX_PIXELS, SIDE, CannotDownscale, downscale, is_available
from acp_agent.engine.attachments.images import MAX_BYTES, Picture, read_header
from tests.engine.test_images import gif, png, webp

needs_pillow = pytest.mark.skipif(not is_available(), reason="Pillow is optional")


def pillow() -> Any:
    return importlib.import_module("PIL.Image")


def drawn(kind: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    light, dark = (0, 1) if mode in ("P", "L") else ("red", "blue")
    image = pillow().new(mode, size, light)
    image.paste(dark, (0, 0, size[0] // 2, size[1]))
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Any:
    return pillow().open(io.BytesIO(data))


@needs_pillow
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (lambda: drawn("PNG", (9_000, 90)), Picture("image/png", SIDE, SIDE // 100)),
        (lambda: drawn("PNG", (90, 9_000), "RGBA"), Picture("image/png", SIDE // 100, SIDE)),
        (lambda: drawn("GIF", (9_000, 90), "P"), Picture("image/png", SIDE, SIDE // 100)),
        (lambda: drawn("WEBP", (9_000, 90)), Picture("image/png", SIDE, SIDE // 100)),
        (lambda: drawn("JPEG", (9_000, 90)), Picture("image/jpeg", SIDE, SIDE // 100)),
        (lambda: drawn("JPEG", (9_000, 90), "CMYK"), Picture("image/jpeg", SIDE, SIDE // 100)),
        (lambda: drawn("PNG", (9_000, 90), "L"), Picture("image/png", SIDE, SIDE // 100)),
    ],
)
def test_a_long_picture_keeps_its_shape_and_kind(data: Any, expected: Picture) -> None:
    assert read_header(downscale(data())) == expected


@needs_pillow
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_heavy_picture_becomes_light(mode: str) -> None:
    noise = random.Random(1).randbytes(1_500 * 1_500 * len(mode))
    out = io.BytesIO()
    pillow().frombytes(mode, (1_500, 1_500), noise).save(out, "PNG")
    assert len(out.getvalue()) > MAX_BYTES
    assert len(downscale(out.getvalue())) <= MAX_BYTES


@needs_pillow
def test_a_photo_taken_sideways_stands_upright() -> None:
    exif = pillow().Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    assert read_header(downscale(drawn("JPEG", (9_000, 900), exif=exif))) == Picture("image/jpeg", 200, 2_000)


@needs_pillow
def test_what_was_transparent_stays_so() -> None:
    assert opened(downscale(drawn("PNG", (9_000, 90), "RGBA"))).mode == "RGBA"
    assert opened(downscale(drawn("PNG", (9_000, 90), "P", transparency=0))).mode == "RGBA"


@needs_pillow
@pytest.mark.parametrize("data", [png(9_000, 10), gif(9_000, 10), webp(9_000, 10), png(9_000, 10)[:30]])
def test_a_broken_picture_is_refused(data: bytes) -> None:
    with pytest.raises(CannotDownscale, match="cannot be read"):
        downscale(data)


def test_a_picture_with_too_many_pixels_is_not_even_opened() -> None:
    with pytest.raises(CannotDownscale, match=f"{MAX_PIXELS} pixels"):
        downscale(png(9_000, 9_000))


@pytest.mark.skipif(is_available(), reason="Pillow is here")
def test_without_pillow_it_is_said_how_to_get_it() -> None:
    with pytest.raises(CannotDownscale, match=r"install `acp-agent\[images\]`"):
        downscale(png(9_000, 10))
