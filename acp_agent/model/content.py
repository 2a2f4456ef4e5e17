"""What people and models say to each other: text, images, audio, and references to files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec


class Text(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    """Plain text or Markdown."""

    text: str


class Image(msgspec.Struct, frozen=True, tag="image", omit_defaults=True):
    """A picture; `data` is base64, `mime_type` such as `image/png`."""

    data: str
    mime_type: str
    uri: str | None = None


AUDIO_FORMATS: Mapping[str, str] = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
"""Media types of the sounds that models take, and the names of their formats."""


class Audio(msgspec.Struct, frozen=True, tag="audio", omit_defaults=True):
    """A sound; `data` is base64."""

    data: str
    mime_type: str


class ResourceLink(msgspec.Struct, frozen=True, tag="resource_link", omit_defaults=True):
    """A reference to something the agent can read itself, usually `file://…`."""

    uri: str
    name: str
    mime_type: str | None = None
    title: str | None = None
    description: str | None = None
    size: int | None = None


class Resource(msgspec.Struct, frozen=True, tag="resource", omit_defaults=True):
    """A file's content sent along; exactly one of `text` and `blob` (base64) is set."""

    uri: str
    text: str | None = None
    blob: str | None = None
    mime_type: str | None = None


Content: TypeAlias = Text | Image | Audio | ResourceLink | Resource


class Shown(msgspec.Struct, frozen=True, tag="content"):
    """Content displayed inside a tool call."""

    content: Content


class Diff(msgspec.Struct, frozen=True, tag="diff", omit_defaults=True):
    """A change to one file, absolute path; `old_text` is None for a new file."""

    path: str
    new_text: str
    old_text: str | None = None


class TerminalRef(msgspec.Struct, frozen=True, tag="terminal"):
    """A client's terminal embedded in a tool call."""

    terminal_id: str


class Printed(msgspec.Struct, frozen=True, tag="printed", omit_defaults=True):
    """What a command that we run ourselves has printed, without control sequences; the front may be cut.

    `exit_code` or `signal` say how it ended, once it has.
    """

    text: str
    exit_code: int | None = None
    signal: str | None = None


ToolContent: TypeAlias = Shown | Diff | TerminalRef | Printed


def shown_text(text: str) -> Shown:
    """Text displayed inside a tool call."""
    return Shown(Text(text))
