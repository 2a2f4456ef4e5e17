"""One model request: sends the history, publishes the stream, returns the calls the model made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing

import msgspec

from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import IdSource, MessageId, ToolCallId
from acp_agent.base.jsontext import InvalidJson, load
from acp_agent.engine.journal import Journal
from acp_agent.model import chat, events
from acp_agent.model.toolcall import ToolCall
from acp_agent.ports import Provider

MAX_NAME = 64


class StepResult(msgspec.Struct, frozen=True):
    """What a complete answer of the model amounts to.

    `recorded` is how it stands in the journal; once it does, every one of `calls` must be answered.
    """

    finish: chat.FinishReason
    usage: chat.Usage
    calls: tuple[ToolCall, ...]
    recorded: tuple[events.Event, ...]


class _Draft(msgspec.Struct):
    """A tool call while its arguments stream in."""

    id: str
    name: str
    arguments: list[str]


async def run_step(
    provider: Provider,
    request: chat.ModelRequest,
    *,
    journal: Journal,
    taken_ids: Collection[ToolCallId],
    new_id: IdSource,
    drain: Callable[[], Awaitable[None]],
) -> StepResult:
    """Ask the model once and publish what it says as it says it.

    Calls of an answer that was cut off by the token limit are dropped: their arguments may be incomplete.

    Raises:
        ProviderError: the model could not answer; what it said before is in the journal.
    """
    text_id = MessageId(new_id("msg"))
    thought_id = MessageId(new_id("msg"))
    drafts: dict[int, _Draft] = {}
    finished: chat.StepFinished | None = None
    async with aclosing(provider.stream(request)) as deltas:
        async for delta in deltas:
            match delta:
                case chat.TextDelta(text):
                    journal.say(events.TextChunk(text_id, text))
                    await drain()
                case chat.ThoughtDelta(text):
                    journal.say(events.ThoughtChunk(thought_id, text))
                    await drain()
                case chat.ThoughtSealed(signature):
                    await journal.record(events.ThoughtEnded(thought_id, signature))
                    thought_id = MessageId(new_id("msg"))
                case chat.CallStarted(index, call_id, name):
                    drafts[index] = _Draft(call_id, name, [])
                case chat.CallArguments(index, text):
                    drafts[index].arguments.append(text)
                case chat.StepFinished():
                    finished = delta
                case chat.Retrying(attempt, delay, reason):
                    title = f"Asking the model again in {delay:.0f} s (try {attempt + 1})"
                    await journal.record(events.Noticed("info", title, reason))
    if finished is None:
        raise ProviderError(
            "the stream ended without an end",
            fault="bad_stream",
            provider=provider.name,
            retryable=True,
            hint="send the prompt again",
        )
    calls: dict[ToolCallId, ToolCall] = {}
    if finished.reason != "max_tokens":
        for _, draft in sorted(drafts.items()):
            fresh = _is_plain(draft.id) and draft.id not in taken_ids and draft.id not in calls
            call_id = ToolCallId(draft.id if fresh else new_id("call"))
            calls[call_id] = _complete(draft, call_id)
    recorded = (
        *(events.CallRequested(call.id, call.name, call.arguments or {}) for call in calls.values()),
        events.StepEnded(finished.reason, finished.usage, request.model.id),
    )
    return StepResult(finished.reason, finished.usage, tuple(calls.values()), recorded)


def _complete(draft: _Draft, call_id: ToolCallId) -> ToolCall:
    """The call in a form every provider accepts back: a legal name, an object of arguments."""
    name = "".join(char if _is_plain(char) else "_" for char in draft.name)[:MAX_NAME] or "unnamed"
    text = "".join(draft.arguments).strip() or "{}"
    try:
        arguments = load(text.encode())
    except (InvalidJson, UnicodeEncodeError) as exc:
        return ToolCall(call_id, name, None, fault=str(exc))
    if not isinstance(arguments, dict):
        return ToolCall(call_id, name, None, fault="they are not an object")
    return ToolCall(call_id, name, arguments)


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isascii() and text.replace("-", "a").replace("_", "a").isalnum()
