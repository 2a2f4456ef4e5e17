"""What people and models say, as the protocol's content blocks."""

from __future__ import annotations

from typing import assert_never

from acp_agent.base.jsontext import JsonObject
from acp_agent.model import content


def content_block(part: content.Content) -> JsonObject:
    """A piece of content as the protocol's `ContentBlock`; absent members are left out."""
    block = _block(part)
    return block if part.meta is None else {**block, "_meta": part.meta}


def _block(part: content.Content) -> JsonObject:
    match part:
        case content.Text(text):
            return {"type": "text", "text": text}
        case content.Image(data, mime_type, uri):
            return without_none({"type": "image", "data": data, "mimeType": mime_type, "uri": uri})
        case content.Audio(data, mime_type):
            return {"type": "audio", "data": data, "mimeType": mime_type}
        case content.ResourceLink(uri, name, mime_type, title, description, size):
            return without_none(
                {
                    "type": "resource_link",
                    "uri": uri,
                    "name": name,
                    "mimeType": mime_type,
                    "title": title,
                    "description": description,
                    "size": size,
                }
            )
        case content.Resource(uri, text, blob, mime_type):
            inner = without_none({"uri": uri, "text": text, "blob": blob, "mimeType": mime_type})
            return {"type": "resource", "resource": inner}
        case _:
            assert_never(part)


def without_none(members: JsonObject) -> JsonObject:
    """The members that have a value; the schema wants absent ones left out."""
    return {key: value for key, value in members.items() if value is not None}
