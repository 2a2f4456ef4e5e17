"""What people and models say to each other: text, images, audio, and references to files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from acp_agent.base.jsontext import JsonObject


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """What every piece of content can carry: `meta`, whatever its sender wrote there, kept as it came."""

    meta: JsonObject | None = None


class Text(Part, frozen=True, tag="text"):
    """Plain text or Markdown."""

    text: str


class Image(Part, frozen=True, tag="image"):
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


class Audio(Part, frozen=True, tag="audio"):
    """A sound; `data` is base64."""

    data: str
    mime_type: str


class ResourceLink(Part, frozen=True, tag="resource_link"):
    """A reference to something the agent can read itself, usually `file://…`."""

    uri: str
    name: str
    mime_type: str | None = None
    title: str | None = None
    description: str | None = None
    size: int | None = None


class Resource(Part, frozen=True, tag="resource"):
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
