"""What a model service would refuse in the messages of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from acp_agent.testing.model_server import RecordedRequest

Message: TypeAlias = dict[str, Any]


def history_problems(request: RecordedRequest) -> list[str]:
    """What the service would refuse in this request's messages."""
    chat = request.path.endswith("/completions")
    sent: list[Message] = request.body["messages"]  # pyright: ignore[reportAssignmentType] # or `KeyError`
    messages = [message for message in sent if message["role"] != "system"]
    problems = list(_chat_problems(messages) if chat else _messages_problems(messages))
    if not messages or messages[0]["role"] != "user":
        problems.append("the first message is not the user's")
    return problems


def _chat_problems(messages: list[Message]) -> Iterator[str]:
    due: list[str] = []
    used: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in due:
                yield f"a result without a call: {message['tool_call_id']}"
            else:
                due.remove(message["tool_call_id"])
            continue
        if due:
            yield f"calls without a result: {due}"
        due = [call["id"] for call in message.get("tool_calls") or ()]
        if used & set(due) or len(set(due)) < len(due):
            yield f"call ids repeat: {due}"
        used |= set(due)
        if not due and not message.get("content"):
            yield f"an empty message of the {message['role']}"
    if due:
        yield f"calls without a result: {due}"


def _messages_problems(messages: list[Message]) -> Iterator[str]:
    due: list[str] = []
    used: set[str] = set()
    role = ""
    for message in messages:
        if message["role"] == role:
            yield f"two messages of the {role} in a row"
        role = message["role"]
        blocks: list[Message] = message["content"]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(due):
            yield f"calls {due}, results {results}"
        if [block["type"] for block in blocks[: len(results)]] != ["tool_result"] * len(results):
            yield "results are not first in their message"
        due = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if used & set(due) or len(set(due)) < len(due):
            yield f"call ids repeat: {due}"
        used |= set(due)
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            yield f"empty text of the {role}"
    if due:
        yield f"calls without a result: {due}"


def conversation(request: RecordedRequest) -> str:
    """The request's messages as text, for a look inside."""
    return json.dumps(request.body["messages"], ensure_ascii=False)
