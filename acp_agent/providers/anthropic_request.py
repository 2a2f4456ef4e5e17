"""A `ModelRequest` as the body of a Messages request.

The service wants roles to alternate, results first in the message after their calls, no blank text, and,
while a model thinks, its thinking given back with its signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard, assert_never

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model.chat import (
    ChatMessage,
    FromAssistant,
    FromTools,
    FromUser,
    ModelRequest,
    Thought,
    ToolResult,
    ToolUse,
)
from acp_agent.model.content import Audio, Image, Text
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import ToolSpec

REDACTED = "redacted:"
"""Begins the signature of thinking that arrived encrypted; the rest is its data."""

_MIN_THINKING = 1024
_BUDGETS = {"low": 4_096, "medium": 16_384, "high": 32_768}
_CACHE: JsonObject = {"type": "ephemeral"}


def adjustable(model: ModelInfo, thinking_budget: int | None) -> ModelInfo:
    """The model with what it can be told over this API; `configured` is the budget the settings name."""
    if not model.thinks or model.max_output < 2 * _MIN_THINKING:
        return msgspec.structs.replace(model, thought_levels=())
    usual = ("off",) if thinking_budget is None else ("configured", "off")
    return msgspec.structs.replace(model, thought_levels=(*usual, *_BUDGETS), takes_thinking_budget=True)


def messages_body(provider: str, request: ModelRequest, thinking_budget: int | None) -> JsonObject:
    """The body, with cache marks after the tools, the system text and the conversation so far.

    `thinking_budget` is the tokens to think if the request names neither a level nor a budget.
    """
    model = request.model
    max_tokens = min(request.max_output or model.max_output, model.max_output)
    budget = _thinking(request, request.thinking_budget or thinking_budget, max_tokens)
    messages: list[tuple[str, list[JsonObject]]] = []
    for message in request.messages:
        role = "assistant" if isinstance(message, FromAssistant) else "user"
        blocks = _blocks(message, takes_images=model.takes_images, with_thinking=budget is not None)
        if not blocks:
            continue
        if messages and messages[-1][0] == role:
            messages[-1][1].extend(blocks)
        else:
            messages.append((role, blocks))
    if messages and messages[-1][0] == "user":
        messages[-1][1][-1]["cache_control"] = _CACHE
    body: JsonObject = {
        "model": model.id.removeprefix(f"{provider}/"),
        "max_tokens": max_tokens,
        "messages": [_message(role, blocks) for role, blocks in messages],
        "stream": True,
    }
    if request.system.strip():
        body["system"] = [{"type": "text", "text": request.system, "cache_control": _CACHE}]
    if request.tools:
        tools = [_tool(tool) for tool in request.tools]
        tools[-1]["cache_control"] = _CACHE
        body["tools"] = list[JsonValue](tools)
        if not request.parallel_calls:
            body["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    if budget is not None:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    elif request.temperature is not None:  # what thinks has a temperature of its own
        body["temperature"] = min(request.temperature, 1.0)
    return body


def _thinking(request: ModelRequest, configured: int | None, max_tokens: int) -> int | None:
    """Tokens to think, or None where thinking cannot be asked for."""
    level = request.thought_level
    budget = configured if level in ("", "configured") else _BUDGETS.get(level)
    if budget is None or not request.model.thinks or not _turn_began_with_thinking(request.messages):
        return None
    # The budget counts as output and must leave room for an answer.
    budget = min(max(budget, _MIN_THINKING), max_tokens - _MIN_THINKING)
    return budget if budget >= _MIN_THINKING else None


def _turn_began_with_thinking(messages: Sequence[ChatMessage]) -> bool:
    """Whether the running turn may think: one that began without, say by another model, must not start."""
    first: FromAssistant | None = None
    for message in messages:
        if isinstance(message, FromUser):
            first = None
        elif isinstance(message, FromAssistant) and first is None:
            first = message
    return first is None or _is_signed(first.content[0])


def _is_signed(item: Text | Thought | ToolUse) -> TypeGuard[Thought]:
    return isinstance(item, Thought) and bool(item.signature)


def _message(role: str, blocks: list[JsonObject]) -> JsonObject:
    return {"role": role, "content": list[JsonValue](blocks)}


def _blocks(message: ChatMessage, *, takes_images: bool, with_thinking: bool) -> list[JsonObject]:
    match message:
        case FromUser(content):
            return _media(content, takes_images) or [_text("(empty message)")]
        case FromAssistant(content):
            blocks = [_assistant_block(item, with_thinking) for item in content]
            return [block for block in blocks if block is not None]
        case FromTools(results):
            return [_tool_result(result, takes_images) for result in results]
        case _:
            assert_never(message)


def _assistant_block(item: Text | Thought | ToolUse, with_thinking: bool) -> JsonObject | None:
    match item:
        case Text(text):
            return _text(text) if text.strip() else None
        case Thought(text, signature):
            if not (with_thinking and signature):
                return None
            if signature.startswith(REDACTED):
                return {"type": "redacted_thinking", "data": signature.removeprefix(REDACTED)}
            return {"type": "thinking", "thinking": text, "signature": signature}
        case ToolUse(call_id, name, arguments):
            return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}
        case _:
            assert_never(item)


def _tool_result(result: ToolResult, takes_images: bool) -> JsonObject:
    content = _media(result.content, takes_images) or [_text("(no output)")]
    block: JsonObject = {
        "type": "tool_result",
        "tool_use_id": result.call_id,
        "content": list[JsonValue](content),
    }
    if result.is_error:
        block["is_error"] = True
    return block


def _media(content: Sequence[Text | Image | Audio], takes_images: bool) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    for item in content:
        match item:
            case Text(text):
                if text.strip():
                    blocks.append(_text(text))
            case Image(data, mime_type):
                if takes_images:
                    source: JsonObject = {"type": "base64", "media_type": mime_type, "data": data}
                    blocks.append({"type": "image", "source": source})
                else:
                    blocks.append(_text("[image omitted: this model takes no images]"))
            case Audio():
                blocks.append(_text("[audio omitted: this model takes no audio]"))
            case _:
                assert_never(item)
    return blocks


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _tool(tool: ToolSpec) -> JsonObject:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
