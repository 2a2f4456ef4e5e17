"""Sounds in a Chat Completions request."""

from __future__ import annotations

import pytest

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model.chat import FromUser, ModelRequest
from acp_agent.model.content import AUDIO_FORMATS, Audio, Text
from acp_agent.model.session import ModelInfo
from acp_agent.providers.catalog import model_info
from acp_agent.providers.openai_request import chat_body

EARS = ModelInfo("test/m", "M", takes_audio=True)


def content(model: ModelInfo, *parts: Text | Audio) -> JsonValue:
    body: JsonObject = chat_body("test", ModelRequest(model, "", (FromUser(parts),)))
    messages = body["messages"]
    assert isinstance(messages, list)
    assert isinstance(messages[0], dict)
    return messages[0]["content"]


@pytest.mark.parametrize("mime_type", sorted(AUDIO_FORMATS))
def test_a_model_that_hears_is_sent_the_sound_in_its_format(mime_type: str) -> None:
    assert content(EARS, Text("listen"), Audio("AA==", mime_type)) == [
        {"type": "text", "text": "listen"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": AUDIO_FORMATS[mime_type]}},
    ]


@pytest.mark.parametrize(
    ("model", "mime_type"), [(ModelInfo("test/m", "M"), "audio/wav"), (EARS, "audio/midi")]
)
def test_otherwise_it_is_told_that_there_was_one(model: ModelInfo, mime_type: str) -> None:
    assert content(model, Audio("AA==", mime_type)) == "[audio omitted: this model takes no audio]"


@pytest.mark.parametrize("name", ["gpt-audio", "gpt-audio-2025-08-28", "gpt-4o-audio-preview"])
def test_models_made_for_sound_are_known(name: str) -> None:
    info = model_info("openai", name)
    assert (info.takes_audio, info.takes_images) == (True, False)


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-5", "gpt-4o-2024-08-06", "unknown"])
def test_others_are_not_assumed_to_hear(name: str) -> None:
    assert not model_info("openai", name).takes_audio
