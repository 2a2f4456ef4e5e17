"""A `ModelRequest` as the body of a Chat Completions request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.model.chat import (
    FromAssistant,
    FromTools,
    FromUser,
    ModelRequest,
    Thought,
    ToolResult,
    ToolUse,
)
from acp_agent.model.content import AUDIO_FORMATS, Audio, Image, Text
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import ToolSpec

_EFFORTS = {
    "off": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "xhigh",
}
_USUAL_LEVELS = ("default", "low", "medium", "high")


def adjustable(model: ModelInfo) -> ModelInfo:
    """The model with what it can be told over this API: one that thinks takes no temperature."""
    if not model.thinks:
        return msgspec.structs.replace(model, thought_levels=())
    return msgspec.structs.replace(
        model,
        thought_levels=model.thought_levels or _USUAL_LEVELS,
        parameters=tuple(parameter for parameter in model.parameters if parameter != "temperature"),
    )


def chat_body(provider: str, request: ModelRequest) -> JsonObject:
    """The body. Thinking is not sent back; pictures and sounds go only to models that take them."""
    model = request.model
    messages: list[JsonValue] = []
    if request.system.strip():
        messages.append({"role": "system", "content": request.system})
    for message in request.messages:
        match message:
            case FromUser(content):
                messages.append({"role": "user", "content": _user_content(content, model)})
            case FromAssistant():
                messages += _assistant_message(message)
            case FromTools(results):
                messages += _tool_messages(results, model.takes_images)
            case _:
                assert_never(message)
    body: JsonObject = {
        "model": model.id.removeprefix(f"{provider}/"),
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if not request.parallel_calls:
            body["parallel_tool_calls"] = False
    if request.thought_level in _EFFORTS:
        body["reasoning_effort"] = _EFFORTS[request.thought_level]
    reasons = "temperature" not in model.parameters
    if request.temperature is not None and not reasons:
        body["temperature"] = request.temperature
    if request.max_output is not None:
        # Models that reason refuse the older name, and many compatible servers do not know the newer one.
        name = "max_completion_tokens" if reasons else "max_tokens"
        body[name] = min(request.max_output, model.max_output)
    return body


def _user_content(content: Sequence[Text | Image | Audio], model: ModelInfo) -> JsonValue:
    texts: list[str] = []
    parts: list[JsonValue] = []
    has_media = False
    for item in content:
        match item:
            case Image() if model.takes_images:
                has_media = True
                parts.append(_image(item))
                continue
            case Audio(data, mime_type) if model.takes_audio and mime_type in AUDIO_FORMATS:
                has_media = True
                sound: JsonObject = {"data": data, "format": AUDIO_FORMATS[mime_type]}
                parts.append({"type": "input_audio", "input_audio": sound})
                continue
            case Text(text):
                pass
            case Image():
                text = "[image omitted: this model takes no images]"
            case Audio():
                text = "[audio omitted: this model takes no audio]"
            case _:
                assert_never(item)
        if text.strip():
            texts.append(text)
            parts.append({"type": "text", "text": text})
    # Text alone goes as a plain string, which every compatible server understands.
    return parts if has_media else "\n\n".join(texts) or "(empty message)"


def _assistant_message(message: FromAssistant) -> list[JsonValue]:
    texts: list[str] = []
    calls: list[JsonValue] = []
    for item in message.content:
        match item:
            case Text(text):
                texts.append(text)
            case Thought():
                pass
            case ToolUse(call_id, name, arguments):
                function: JsonObject = {"name": name, "arguments": dump_text(arguments)}
                calls.append({"id": call_id, "type": "function", "function": function})
            case _:
                assert_never(item)
    text = "".join(texts)
    if calls:
        return [{"role": "assistant", "content": text or None, "tool_calls": calls}]
    return [{"role": "assistant", "content": text}] if text.strip() else []


def _tool_messages(results: Sequence[ToolResult], takes_images: bool) -> list[JsonValue]:
    """One message for each result; a tool message holds text only, so pictures follow as the user's."""
    messages: list[JsonValue] = []
    images: list[JsonValue] = []
    for result in results:
        texts: list[str] = []
        for item in result.content:
            match item:
                case Text(text):
                    texts.append(text)
                case Image():
                    texts.append(
                        "[image: in the user message below]"
                        if takes_images
                        else "[image omitted: this model takes no images]"
                    )
                    if takes_images:
                        images.append(_image(item))
                case _:
                    assert_never(item)
        text = "\n".join(texts)
        content = text if text.strip() else "(no output)"
        messages.append({"role": "tool", "tool_call_id": result.call_id, "content": content})
    if images:
        messages.append({"role": "user", "content": images})
    return messages


def _image(image: Image) -> JsonObject:
    return {"type": "image_url", "image_url": {"url": f"data:{image.mime_type};base64,{image.data}"}}


def _tool(tool: ToolSpec) -> JsonObject:
    function: JsonObject = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema,
    }
    return {"type": "function", "function": function}
