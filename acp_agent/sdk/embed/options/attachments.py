"""Pictures that go along with a prompt or come back from a tool."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from acp_agent.model.content import Image
from acp_agent.sdk.embed.errors import AttachmentInvalid

MEDIA_TYPES: Mapping[str, str] = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
"""Media types by the end of a file's name."""


class Attachment(msgspec.Struct, frozen=True):
    """A picture: its bytes, and one of `image/jpeg`, `image/png`, `image/gif` and `image/webp`."""

    data: bytes
    media_type: str

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Attachment:
        """The picture in a file; what kind it is, the name of the file says.

        Raises:
            AttachmentInvalid: the name says no kind that models take, or the file cannot be read.
        """
        file = Path(path)
        media_type = MEDIA_TYPES.get(file.suffix.lower())
        if media_type is None:
            raise AttachmentInvalid(f"`{file}`: attach one of: {', '.join(MEDIA_TYPES)}")
        try:
            return cls(file.read_bytes(), media_type)
        except OSError as exc:
            raise AttachmentInvalid(f"`{file}`: cannot be read: {exc.strerror}") from exc

    @classmethod
    def jpeg(cls, data: bytes) -> Attachment:
        """A JPEG picture."""
        return cls(data, "image/jpeg")

    @classmethod
    def png(cls, data: bytes) -> Attachment:
        """A PNG picture."""
        return cls(data, "image/png")

    @classmethod
    def gif(cls, data: bytes) -> Attachment:
        """A GIF picture."""
        return cls(data, "image/gif")

    @classmethod
    def webp(cls, data: bytes) -> Attachment:
        """A WebP picture."""
        return cls(data, "image/webp")

    def content(self) -> Image:
        """The picture as the engine takes it.

        Raises:
            AttachmentInvalid: it is of another kind, or empty.
        """
        if self.media_type not in MEDIA_TYPES.values():
            raise AttachmentInvalid(
                f"`{self.media_type}` cannot be attached; use image/jpeg, image/png, image/gif or image/webp"
            )
        if not isinstance(self.data, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] # nobody has looked
            raise AttachmentInvalid(f"the data of an attachment are bytes, not `{type(self.data).__name__}`")
        if not self.data:
            raise AttachmentInvalid("the attachment is empty")
        return Image(base64.b64encode(self.data).decode(), self.media_type)


AttachmentLike: TypeAlias = Attachment | Mapping[str, object]
"""An attachment, or a mapping with its `data` and `media_type` (or `mediaType`)."""


def pictures(attachments: Iterable[AttachmentLike]) -> tuple[Image, ...]:
    """The attachments as the engine takes them.

    Raises:
        AttachmentInvalid: one of them cannot be used.
    """
    return tuple(_attachment(one).content() for one in attachments)


def _attachment(given: AttachmentLike) -> Attachment:
    if isinstance(given, Attachment):
        return given
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] # callers need no types
        raise AttachmentInvalid(
            f"an attachment is no `{type(given).__name__}`; use `Attachment.from_file` for a path"
        )
    data, media_type = given.get("data"), given.get("media_type", given.get("mediaType"))
    if not isinstance(data, bytes | bytearray) or not isinstance(media_type, str):
        raise AttachmentInvalid("an attachment needs `data` (bytes) and `media_type`")
    return Attachment(bytes(data), media_type)
