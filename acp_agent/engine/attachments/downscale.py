"""Pictures made small enough for a model. Needs Pillow, which the extra `images` brings."""

from __future__ import annotations

import importlib
import importlib.util
import io
from collections.abc import Iterable
from typing import Protocol, cast

from acp_agent.base.errors import AcpAgentError
from acp_agent.engine.attachments.images import MAX_BYTES, read_header

SIDE = 2_000
"""Pixels of the longer side afterwards; no model looks closer than that."""

MAX_PIXELS = 80_000_000
"""Pictures with more are not opened: decoding them takes too much memory."""

QUALITY = 85


class CannotDownscale(AcpAgentError):
    """There is no Pillow, or it cannot read the picture."""


class _Image(Protocol):
    """What is used of Pillow's images, which carry no types unless Pillow is installed."""

    info: dict[str, object]

    def getbands(self) -> Iterable[str]: ...
    def convert(self, mode: str) -> _Image: ...
    def thumbnail(self, size: tuple[int, int]) -> None: ...
    def paste(self, im: _Image, box: tuple[int, int], mask: _Image) -> None: ...
    def getchannel(self, channel: str) -> _Image: ...
    def save(self, fp: io.BytesIO, format: str, *, quality: int = ...) -> None: ...

    @property
    def size(self) -> tuple[int, int]: ...


class _ImageModule(Protocol):
    def open(self, fp: io.BytesIO) -> _Image: ...
    def new(self, mode: str, size: tuple[int, int], color: str) -> _Image: ...


class _ImageOps(Protocol):
    def exif_transpose(self, image: _Image) -> _Image: ...


def is_available() -> bool:
    """Whether pictures can be made smaller here."""
    return importlib.util.find_spec("PIL") is not None


def downscale(data: bytes) -> bytes:
    """The picture with at most `SIDE` pixels on each side and `MAX_BYTES`, as PNG or JPEG; takes a while.

    Raises:
        CannotDownscale: the message says why.
    """
    picture = read_header(data)
    if picture is None or picture.width * picture.height > MAX_PIXELS:
        raise CannotDownscale(f"it has more than {MAX_PIXELS} pixels")
    if not is_available():
        raise CannotDownscale("making it smaller needs Pillow; install `acp-agent[images]`")
    # The protocols above hold for every Pillow since 6.
    pillow = cast("_ImageModule", importlib.import_module("PIL.Image"))  # lazy: 40 ms, for large ones only
    ops = cast("_ImageOps", importlib.import_module("PIL.ImageOps"))
    try:
        smaller = _smaller(pillow, ops, data, is_photo=picture.mime_type == "image/jpeg")
    except Exception as exc:  # Pillow raises what its decoders raise, for broken files of any kind
        raise CannotDownscale("it cannot be read") from exc
    if len(smaller) > MAX_BYTES:
        raise CannotDownscale(f"it still has {len(smaller)} bytes when it is made smaller")
    return smaller


def _smaller(pillow: _ImageModule, ops: _ImageOps, data: bytes, *, is_photo: bool) -> bytes:
    image = pillow.open(io.BytesIO(data))
    image.thumbnail((SIDE, SIDE))
    image = ops.exif_transpose(image)  # the note how to turn it is lost with the rest of the metadata
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        if len(png := _saved(image, "PNG")) <= MAX_BYTES:
            return png
        opaque = pillow.new("RGB", image.size, "white")
        opaque.paste(image, (0, 0), image.getchannel("A"))
        return _saved(opaque, "JPEG")
    image = image.convert("RGB")
    if not is_photo and len(png := _saved(image, "PNG")) <= MAX_BYTES:
        return png
    return _saved(image, "JPEG")


def _saved(image: _Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, quality=QUALITY)
    return out.getvalue()
