"""Content blocks of a prompt, and what they are in the engine's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, assert_never

from acp_agent.base import base64text
from acp_agent.engine.attachments import downscale, images
from acp_agent.model import content
from acp_agent.model.session import ModelInfo
from acp_agent.rpc.errors import invalid_params
from acp_agent.surface.v1.wire import TYPE_DECIDES, Meta, OptionalSize, OptionalText, Wire


class _Block(Wire):
    meta: Meta = None


class TextBlock(_Block):
    """`ContentBlock` of type text."""

    type: Literal["text"]
    text: str


class ImageBlock(_Block):
    """`ContentBlock` of type image."""

    type: Literal["image"]
    data: str
    mime_type: str
    uri: OptionalText = None


class AudioBlock(_Block):
    """`ContentBlock` of type audio."""

    type: Literal["audio"]
    data: str
    mime_type: str


class ResourceLinkBlock(_Block):
    """`ContentBlock` of type resource_link."""

    type: Literal["resource_link"]
    uri: str
    name: str
    mime_type: OptionalText = None
    title: OptionalText = None
    description: OptionalText = None
    size: OptionalSize = None


class ResourceContents(Wire):
    """The text or blob inside an embedded resource."""

    uri: str
    text: OptionalText = None
    blob: OptionalText = None
    mime_type: OptionalText = None


class ResourceBlock(_Block):
    """`ContentBlock` of type resource."""

    type: Literal["resource"]
    resource: ResourceContents


Block = Annotated[TextBlock | ImageBlock | AudioBlock | ResourceLinkBlock | ResourceBlock, TYPE_DECIDES]


def to_content(
    blocks: list[Block],
    model: ModelInfo | None = None,
    *,
    can_downscale: Callable[[], bool] = downscale.is_available,
) -> tuple[content.Content, ...]:
    """A prompt in the engine's words.

    `model` is the one that will be asked; None is one of which nothing is known. Images are left to the
    engine, which tells a model without eyes what is missing.

    Raises:
        RpcError: a block that no model, or not this one, could be given.
    """
    return tuple(
        _to_content(block, f"prompt[{index}]", model, can_downscale) for index, block in enumerate(blocks)
    )


def _to_content(
    block: Block, path: str, model: ModelInfo | None, can_downscale: Callable[[], bool]
) -> content.Content:
    match block:
        case TextBlock():
            return content.Text(block.text, meta=block.meta)
        case ImageBlock():
            _check_image(block, path, can_downscale)
            return content.Image(block.data, block.mime_type, block.uri, meta=block.meta)
        case AudioBlock():
            _check_audio(block, path, model)
            return content.Audio(block.data, block.mime_type, meta=block.meta)
        case ResourceLinkBlock():
            return content.ResourceLink(
                block.uri,
                block.name,
                block.mime_type,
                block.title,
                block.description,
                block.size,
                meta=block.meta,
            )
        case ResourceBlock(resource=inner):
            if (inner.text is None) == (inner.blob is None):
                raise invalid_params(f"{path}.resource", "needs either `text` or `blob`")
            if inner.blob is not None:
                _decoded(inner.blob, f"{path}.resource.blob")
            return content.Resource(inner.uri, inner.text, inner.blob, inner.mime_type, meta=block.meta)
        case _:
            assert_never(block)


def _check_image(block: ImageBlock, path: str, can_downscale: Callable[[], bool]) -> None:
    """Refuse what could never be shown; that the bytes are what they claim is the engine's to judge."""
    data = _decoded(block.data, f"{path}.data")
    header = images.read_header(data)
    if header is None:
        if block.mime_type not in images.MEDIA_TYPES:
            raise invalid_params(f"{path}.mimeType", f"send one of {', '.join(images.MEDIA_TYPES)}")
        return
    why = images.why_too_large(header, len(data))
    if why and not can_downscale():
        raise invalid_params(f"{path}.data", f"{why}; send a smaller one, or install `acp-agent[images]`")


def _check_audio(block: AudioBlock, path: str, model: ModelInfo | None) -> None:
    if model is None or not model.takes_audio:
        name = "the model" if model is None else f"the model `{model.id}`"
        raise invalid_params(path, f"{name} takes no audio; send text, or choose a model that does")
    if block.mime_type not in content.AUDIO_FORMATS:
        raise invalid_params(f"{path}.mimeType", f"send one of {', '.join(content.AUDIO_FORMATS)}")
    _decoded(block.data, f"{path}.data")


def _decoded(text: str, path: str) -> bytes:
    try:
        return base64text.decode(text)
    except base64text.InvalidBase64 as exc:
        raise invalid_params(path, str(exc)) from None
