"""What MCP servers send, in the engine's words: blocks of results and prompts, and parts of resources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from acp_agent.model.content import Audio, Content, Image, Resource, ResourceLink, Shown, Text
from acp_agent.tools.mcp.text import one_line
from acp_agent.tools.plaintext import plain

if TYPE_CHECKING:
    from mcp.types import BlobResourceContents, ContentBlock, TextResourceContents

MAX_TEXT = 100_000
"""Characters of one result the model reads; the rest is cut and counted."""

MAX_RAW = 10 * MAX_TEXT
"""Characters of one text that are looked at."""

MAX_IMAGES = 5 * 1024 * 1024
"""Base64 characters of all images of one result; further images are named but not sent."""

MAX_URI = 4_000
"""Characters of a URI that is passed on."""


def content_of(block: ContentBlock) -> Content:
    """One block. Texts lose what would hide something on a screen, names become one line."""
    match block.type:
        case "text":
            return Text(_readable(block.text))
        case "image":
            return Image(block.data, block.mime_type)
        case "audio":
            return Audio(block.data, block.mime_type)
        case "resource_link":
            return ResourceLink(
                one_line(block.uri, MAX_URI),
                one_line(block.name, 200),
                _line(block.mime_type),
                _line(block.title),
                _line(block.description),
                block.size,
            )
        case "resource":
            return resource_of(block.resource)


def resource_of(contents: TextResourceContents | BlobResourceContents) -> Resource:
    """One part of what is behind a URI."""
    from mcp.types import TextResourceContents  # lazy: loaded before any answer could come

    uri, mime_type = one_line(contents.uri, MAX_URI), _line(contents.mime_type)
    if isinstance(contents, TextResourceContents):
        return Resource(uri, text=_readable(contents.text), mime_type=mime_type)
    return Resource(uri, blob=contents.blob, mime_type=mime_type)


def presented(contents: Iterable[Content]) -> tuple[list[Text | Image], list[Shown]]:
    """What the model reads of a result and what the user sees of it, within `MAX_TEXT` and `MAX_IMAGES`."""
    read: list[Text | Image] = []
    shown: list[Shown] = []
    text_left, images_left = MAX_TEXT, MAX_IMAGES
    for content in contents:
        piece = for_model(content)
        if isinstance(piece, Image) and len(piece.data) > images_left:
            piece = Text(f"(an image of type {one_line(piece.mime_type, 80)} is too large to show)")
        if isinstance(piece, Image):
            images_left -= len(piece.data)
            read.append(piece)
            shown.append(Shown(piece))
        elif piece.text and text_left:
            read.append(Text(cut(piece.text, text_left)))
            shown.append(Shown(content if isinstance(content, ResourceLink) else read[-1]))
            text_left = max(0, text_left - len(piece.text))
    return read, shown


def for_model(content: Content) -> Text | Image:
    """A piece of a result as a model takes it: what is neither text nor a picture is named."""
    match content:
        case Text() | Image():
            return content
        case Audio(_, mime_type):
            return Text(f"(audio of type {one_line(mime_type, 80)}, not shown)")
        case ResourceLink(uri, name):
            return Text(f"{name}: {uri}")
        case Resource(uri, str(text), _, mime_type):
            return Text(text)
        case Resource(uri, _, blob, mime_type):
            if blob and mime_type and mime_type.startswith("image/"):
                return Image(blob, mime_type, uri)
            return Text(f"({mime_type or 'binary data'} at {uri}, not shown)")


def cut(text: str, limit: int) -> str:
    """The beginning of `text`, and how much of it is missing."""
    return text if len(text) <= limit else f"{text[:limit]}\n{_missing(len(text) - limit)}"


def _missing(n_characters: int) -> str:
    return f"(cut: {n_characters} more characters)"


def _readable(text: str) -> str:
    """`text` as on a screen. Only so much is looked at: 30 MB would stop everything for seconds."""
    head = plain(text[:MAX_RAW])
    return head if len(text) <= MAX_RAW else f"{head}\n{_missing(len(text) - MAX_RAW)}"


def _line(text: str | None) -> str | None:
    return None if text is None else one_line(text, 1_000)
