"""How much room a history takes in a model's context: the provider's own count, and estimates for the rest.

Estimates are tokens. They need not be right, only cheap and of the right size: the next answer of the
provider corrects them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import assert_never

from acp_agent.base.jsontext import dump
from acp_agent.engine.context.past import Past
from acp_agent.model.chat import ChatMessage, FromAssistant, FromTools, FromUser, Thought, ToolUse
from acp_agent.model.content import Audio, Image, Text
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import ToolSpec

COMPACT_AT = 0.8
"""Share of the model's context that may be filled before room is made, unless the settings say otherwise."""

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 1_600
AUDIO_TOKENS = 2_000
FRAME_TOKENS = 4
"""What each message takes besides its content."""

LEAST_ROOM = 0.5
"""Share of the context that may be filled at least, however long the model's answers may be."""


def text_tokens(text: str) -> int:
    """Tokens of a text, about."""
    n_bytes = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return math.ceil(n_bytes / BYTES_PER_TOKEN)


def message_tokens(message: ChatMessage) -> int:
    """Tokens of one message, about."""
    match message:
        case FromUser(content) | FromAssistant(content):
            return FRAME_TOKENS + sum(map(_part_tokens, content))
        case FromTools(results):
            return sum(FRAME_TOKENS + sum(map(_part_tokens, result.content)) for result in results)
        case _:
            assert_never(message)


def fixed_tokens(system: str, tools: Iterable[ToolSpec]) -> int:
    """Tokens of what comes with every request, about."""
    described = (dump((tool.name, tool.description, tool.input_schema)) for tool in tools)
    return text_tokens(system) + sum(
        FRAME_TOKENS + math.ceil(len(each) / BYTES_PER_TOKEN) for each in described
    )


def context_tokens(past: Past, fixed: int) -> int:
    """Tokens of a request made now, `fixed` of them for what comes with every one."""
    if past.counted is None:
        return fixed + sum(map(message_tokens, past.messages))
    return past.counted.tokens + sum(map(message_tokens, past.messages[past.counted.n_messages :]))


def most_tokens(model: ModelInfo, share: float) -> int:
    """Tokens of a request that is not too long: a share of the context, with room for the longest answer."""
    size = model.context_size
    return int(max(min(size * share, size - model.max_output), size * min(share, LEAST_ROOM)))


def _part_tokens(part: Text | Image | Audio | Thought | ToolUse) -> int:
    match part:
        case Text(text):
            return text_tokens(text)
        case Thought(text, signature):
            return text_tokens(text) + text_tokens(signature)
        case ToolUse(_, name, arguments):
            return FRAME_TOKENS + text_tokens(name) + math.ceil(len(dump(arguments)) / BYTES_PER_TOKEN)
        case Image():
            return IMAGE_TOKENS
        case Audio():
            return AUDIO_TOKENS
        case _:
            assert_never(part)
