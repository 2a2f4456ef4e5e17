"""Which pictures and sounds a model was handed, in whatever service's words."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject, JsonValue

MEDIA = ("image", "audio")
"""The kinds that are told apart."""

_CONVERSATION = ("messages", "input", "contents")
"""Where the services keep what is said; tools and settings lie elsewhere."""
_TYPES = {"image_url": "image", "input_image": "image", "image": "image", "input_audio": "audio"}
_MIME_NAMES = ("mimeType", "mime_type", "media_type")


def media_in(body: JsonObject) -> list[str]:
    """The kinds of media in the conversation of a request, in the order of `MEDIA`."""
    found: set[str] = set()
    waiting: list[JsonValue] = [body.get(name) for name in _CONVERSATION]
    while waiting:
        match waiting.pop():
            case dict() as part:
                found.add(_kind(part))
                waiting.extend(part.values())
            case list() as parts:
                waiting.extend(parts)
            case _:
                continue
    return [kind for kind in MEDIA if kind in found]


def _kind(part: JsonObject) -> str:
    types = [str(part[name]).partition("/")[0] for name in _MIME_NAMES if name in part]
    return types[0] if types else _TYPES.get(str(part.get("type")), "")
