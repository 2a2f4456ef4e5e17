"""What was asked of a model service, read out of the request of any of the four services.

Each service writes a conversation its own way; here all are messages of a user, the model and its tools.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text

Role: TypeAlias = Literal["user", "assistant", "tool"]
Service: TypeAlias = Literal["chat", "messages", "responses", "gemini"]
"""OpenAI's Chat Completions, Anthropic's Messages, OpenAI's Responses, Google's Gemini."""


class Message(msgspec.Struct, frozen=True):
    """One part of a conversation; an assistant's text is empty where it only calls tools."""

    role: Role
    text: str


class RecordedRequest(msgspec.Struct, frozen=True):
    """One request as it came; header names are lower-case, system messages are left out of `messages`."""

    path: str
    headers: dict[str, str]
    body: JsonObject
    messages: tuple[Message, ...] = ()

    @property
    def prompt(self) -> str:
        """The user's last text."""
        return self._last("user")

    @property
    def result(self) -> str:
        """The last tool result's text."""
        return self._last("tool")

    @property
    def n_answered(self) -> int:
        """How many messages the assistant has said since the prompt."""
        return self.answered_since(lambda _: True)

    def answered_since(self, is_prompt: Callable[[str], bool]) -> int:
        """How many messages the assistant has said since the user's last text that is a prompt."""
        n_answered = 0
        for message in reversed(self.messages):
            if message.role == "user" and is_prompt(message.text):
                break
            n_answered += message.role == "assistant"
        return n_answered

    def _last(self, role: Role) -> str:
        return next((message.text for message in reversed(self.messages) if message.role == role), "")


def messages_of(service: Service, body: JsonObject) -> tuple[Message, ...]:
    """The conversation in the body of a request."""
    match service:
        case "chat":
            return tuple(_chat(body))
        case "messages":
            return tuple(_anthropic(body))
        case "responses":
            return tuple(_joined(_responses(body)))
        case "gemini":
            return tuple(_gemini(body))


def _chat(body: JsonObject) -> Iterator[Message]:
    for message in _objects(body.get("messages")):
        text = _text(message.get("content"))
        match message.get("role"):
            case "assistant":
                yield Message("assistant", text)
            case "tool":
                yield Message("tool", text)
            case "user" if text:
                yield Message("user", text)
            case _:
                continue


def _anthropic(body: JsonObject) -> Iterator[Message]:
    for message in _objects(body.get("messages")):
        content = message.get("content")
        if message.get("role") == "assistant":
            yield Message("assistant", _text(content))
            continue
        for block in _objects(content):
            if block.get("type") == "tool_result":
                yield Message("tool", _text(block.get("content")))
        if text := _text(content):
            yield Message("user", text)


def _responses(body: JsonObject) -> Iterator[Message]:
    items = body.get("input")
    if isinstance(items, str):
        yield Message("user", items)
    for item in _objects(items):
        text = _text(item.get("content"))
        match item.get("type", "message"), item.get("role"):
            case "message", "user" if text:
                yield Message("user", text)
            case "message", "assistant":
                yield Message("assistant", text)
            case (("reasoning" | "function_call" | "custom_tool_call"), _):
                yield Message("assistant", "")
            case (("function_call_output" | "custom_tool_call_output"), _):
                yield Message("tool", _text(item.get("output")))
            case _:
                continue


def _joined(messages: Iterator[Message]) -> Iterator[Message]:
    """The same with each reply as one message: here it is told as an item for each of its parts."""
    reply: list[str] = []
    in_reply = False
    for message in messages:
        if message.role == "assistant":
            in_reply = True
            reply.append(message.text)
            continue
        if in_reply:
            yield Message("assistant", "".join(reply))
        reply, in_reply = [], False
        yield message
    if in_reply:
        yield Message("assistant", "".join(reply))


def _gemini(body: JsonObject) -> Iterator[Message]:
    for content in _objects(body.get("contents")):
        parts = _objects(content.get("parts"))
        text = _text([part for part in parts if part.get("thought") is not True])
        if content.get("role") == "model":
            yield Message("assistant", text)
            continue
        for part in parts:
            response = part.get("functionResponse")
            if isinstance(response, dict):
                yield Message("tool", _result(response.get("response")))
        if text:
            yield Message("user", text)


def _result(response: JsonValue) -> str:
    """What a Gemini function returned: an object, by convention with the text under `output`."""
    output = response.get("output") if isinstance(response, dict) else None
    return output if isinstance(output, str) else dump_text(response)


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    texts = (block.get("text") for block in _objects(content))
    return "\n".join(text for text in texts if isinstance(text, str))
