"""Attachments at the door: what no model could use is refused by name, before a turn begins."""

from __future__ import annotations

import base64

import pytest

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.engine.attachments.images import MAX_BYTES
from acp_agent.model import content
from acp_agent.model.session import ModelInfo
from acp_agent.rpc.errors import INVALID_PARAMS, RpcError
from acp_agent.surface.v1 import blocks as wire_blocks
from acp_agent.surface.v1.capabilities import agent_capabilities
from acp_agent.surface.v1.params import PromptParams
from acp_agent.surface.v1.wire import read

EARS = ModelInfo("test/ears", "E", takes_audio=True)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01"
WIDE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x1f\x41\0\0\0\x01"  # 8001 pixels


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def image(data: bytes | str, mime_type: str = "image/png") -> JsonObject:
    return {"type": "image", "data": data if isinstance(data, str) else encoded(data), "mimeType": mime_type}


def audio(data: str = "AA==", mime_type: str = "audio/wav") -> JsonObject:
    return {"type": "audio", "data": data, "mimeType": mime_type}


def to_content(
    *blocks: JsonValue, model: ModelInfo | None = None, can_downscale: bool = False
) -> tuple[content.Content, ...]:
    taken = read(PromptParams, {"sessionId": "s", "prompt": list(blocks)})
    return wire_blocks.to_content(taken.prompt, model, can_downscale=lambda: can_downscale)


def refusal(*blocks: JsonValue, model: ModelInfo | None = None) -> RpcError:
    with pytest.raises(RpcError) as caught:
        to_content({"type": "text", "text": "look"}, *blocks, model=model)
    assert caught.value.code == INVALID_PARAMS
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("block", "field", "words"),
    [
        (image("not base64"), "prompt[1].data", "not base64"),
        (image("data:image/png;base64,AA=="), "prompt[1].data", "not base64"),
        (image(b"II*\0", "image/tiff"), "prompt[1].mimeType", "send one of image/png, image/jpeg"),
        (image(b"<svg/>", "image/svg+xml"), "prompt[1].mimeType", "image/webp"),
        (image(WIDE), "prompt[1].data", "8001 x 1 pixels; models take 8000"),
        (image(PNG + bytes(MAX_BYTES)), "prompt[1].data", f"models take {MAX_BYTES}"),
        (
            {"type": "resource", "resource": {"uri": "file:///secret-name", "blob": "?"}},
            "prompt[1].resource.blob",
            "not base64",
        ),
    ],
)
def test_what_no_model_could_use_is_refused_by_name(block: JsonObject, field: str, words: str) -> None:
    error = refusal(block)
    assert isinstance(error.data, dict)
    assert error.data["field"] == field
    assert words in error.message
    assert "secret-name" not in error.message


def test_a_picture_that_is_too_large_is_taken_where_it_can_be_made_smaller() -> None:
    assert to_content(image(WIDE), can_downscale=True) == (content.Image(encoded(WIDE), "image/png"),)


@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg", "image/x-png", ""])
def test_the_bytes_of_a_picture_count_and_not_what_it_is_called(mime_type: str) -> None:
    assert to_content(image(PNG, mime_type)) == (content.Image(encoded(PNG), mime_type),)


def test_a_broken_picture_of_a_known_type_is_left_to_the_turn_which_tells_both_sides() -> None:
    assert to_content(image("AA==")) == (content.Image("AA==", "image/png"),)


@pytest.mark.parametrize("mime_type", sorted(content.AUDIO_FORMATS))
def test_a_model_that_hears_gets_sounds(mime_type: str) -> None:
    assert to_content(audio("AA==", mime_type), model=EARS) == (content.Audio("AA==", mime_type),)


@pytest.mark.parametrize(
    ("block", "model", "field", "words"),
    [
        (audio(), None, "prompt[1]", "the model takes no audio"),
        (audio(), ModelInfo("test/deaf", "D"), "prompt[1]", "the model `test/deaf` takes no audio"),
        (audio("AA==", "audio/midi"), EARS, "prompt[1].mimeType", "audio/wav"),
        (audio("?"), EARS, "prompt[1].data", "not base64"),
    ],
)
def test_a_sound_is_refused_by_name_where_it_cannot_be_heard(
    block: JsonObject, model: ModelInfo | None, field: str, words: str
) -> None:
    error = refusal(block, model=model)
    assert isinstance(error.data, dict)
    assert error.data["field"] == field
    assert words in error.message


@pytest.mark.parametrize(
    ("size", "expected"), [(5, 5), (0, 0), (-1, None), (True, None), ("5", None), (1.5, None)]
)
def test_the_size_of_a_link_is_kept_if_it_is_one(size: JsonValue, expected: int | None) -> None:
    (link,) = to_content({"type": "resource_link", "uri": "u", "name": "n", "size": size})
    assert link == content.ResourceLink("u", "n", size=expected)


def test_what_is_advertised_holds_for_every_model() -> None:
    assert agent_capabilities()["promptCapabilities"] == {
        "image": True,
        "audio": False,
        "embeddedContext": True,
    }
