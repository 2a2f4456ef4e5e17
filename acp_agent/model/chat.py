"""The conversation with a model provider: what is sent and what streams back."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Audio, Image, Text
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import ToolSpec

FinishReason: TypeAlias = Literal["stop", "tool_calls", "max_tokens", "refusal"]


class Thought(msgspec.Struct, frozen=True, tag="thought"):
    """A model's thinking; `signature` is the provider's opaque proof, needed to send it back."""

    text: str
    signature: str = ""


class ToolUse(msgspec.Struct, frozen=True, tag="tool_use"):
    """A tool call as it stands in the history: always a legal name and an object of arguments."""

    call_id: ToolCallId
    name: str
    arguments: JsonObject


class ToolResult(msgspec.Struct, frozen=True):
    """The answer to one `ToolUse`; every use has exactly one."""

    call_id: ToolCallId
    content: tuple[Text | Image, ...]
    is_error: bool = False


class FromUser(msgspec.Struct, frozen=True):
    """What the user said."""

    content: tuple[Text | Image | Audio, ...]


class FromAssistant(msgspec.Struct, frozen=True):
    """What the model said in one step, in order; never empty."""

    content: tuple[Text | Thought | ToolUse, ...]


class FromTools(msgspec.Struct, frozen=True):
    """The results of all calls of the assistant message before it."""

    results: tuple[ToolResult, ...]


ChatMessage: TypeAlias = FromUser | FromAssistant | FromTools


class ModelRequest(msgspec.Struct, frozen=True):
    """One request to a model. `model` says which and its limits; the first message is the user's.

    Attributes:
        thought_level: how long to think, one of the model's levels; empty for what is configured.
        thinking_budget: tokens to think if no level is chosen; None for what is configured.
        temperature: None for the service's own default.
        max_output: tokens to write at most; None for the model's own limit.
        parallel_calls: whether several tools may be called in one step.
    """

    model: ModelInfo
    system: str
    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    thought_level: str = ""
    temperature: float | None = None
    max_output: int | None = None
    parallel_calls: bool = True
    thinking_budget: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one step. `input_tokens` counts everything read, `output_tokens` everything written.

    The others are parts of these: what was read from and written to a cache, and what was only thought.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    thought_tokens: int = 0


class TextDelta(msgspec.Struct, frozen=True):
    """More of the answer."""

    text: str


class ThoughtDelta(msgspec.Struct, frozen=True):
    """More of the thinking."""

    text: str


class ThoughtSealed(msgspec.Struct, frozen=True):
    """The current thinking is complete and carries this signature."""

    signature: str


class CallStarted(msgspec.Struct, frozen=True):
    """The model began a tool call; `index` tells calls of one step apart."""

    index: int
    id: str
    name: str


class CallArguments(msgspec.Struct, frozen=True):
    """More of a call's arguments, as JSON text."""

    index: int
    text: str


class StepFinished(msgspec.Struct, frozen=True):
    """The model is done with this step; the last delta of every complete stream."""

    reason: FinishReason
    usage: Usage


class Retrying(msgspec.Struct, frozen=True):
    """The provider failed before it said anything and is asked again after `delay` seconds."""

    attempt: int
    delay: float
    reason: str


ModelDelta: TypeAlias = (
    TextDelta | ThoughtDelta | ThoughtSealed | CallStarted | CallArguments | StepFinished | Retrying
)
