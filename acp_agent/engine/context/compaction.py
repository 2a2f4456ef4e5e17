"""Keeping a history within what the model reads: first by dropping old output, then by summarizing the past.

The model itself writes the summary. Unless that succeeds the history stays what it was.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Literal

import anyio
import msgspec

from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import CompactionId, IdSource, ToolCallId
from acp_agent.engine.context.past import Past, prune_message
from acp_agent.engine.context.size import (
    BYTES_PER_TOKEN,
    COMPACT_AT,
    context_tokens,
    message_tokens,
    most_tokens,
    text_tokens,
)
from acp_agent.engine.context.summary import SYSTEM, context_text, summary_request
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.journal import Journal
from acp_agent.engine.pricing import price_of
from acp_agent.model import chat, events
from acp_agent.model.session import ModelInfo
from acp_agent.ports import Provider

logger = logging.getLogger(__name__)

TARGET = 0.6
"""Share of what may be filled that is aimed at when room is made."""

KEPT_OUTPUT = 40_000
"""Tokens of the newest output that pruning leaves alone, unless a quarter of the room is less."""

WORTH_PRUNING = 0.05
"""Share of the room that dropping old output must win, for the provider has to read everything anew."""

MAX_KEPT = 20
"""Messages that a compaction keeps as they are; never more than half of them."""

MAX_SUMMARY = 4_096
"""Tokens of a summary, unless an eighth of the context is less."""

LEAST_ASKED = 4_000
"""Characters of a conversation that are the least a model is asked to summarize."""

REMEDY = "start a new session or use `/clear`, attach less, or choose a model with a larger context"
"""What a user can do when a conversation stays too long."""

END_TIME = 2.0
"""Seconds in which the end of a compaction must have been recorded."""


class CompactionParts(msgspec.Struct, frozen=True):
    """What making room works with; `compact_at` as `COMPACT_AT`, 0 leaves it to the user."""

    journal: Journal
    transcript: Transcript
    new_id: IdSource
    drain: Callable[[], Awaitable[None]]
    cost_so_far: Callable[[], float | None]
    compact_at: float = COMPACT_AT


class Asked(msgspec.Struct, frozen=True):
    """Who is asked next; `fixed` are the tokens that come with every request."""

    provider: Provider
    model: ModelInfo
    fixed: int


class ContextKeeper:
    """Keeps the context of one turn within what the model reads."""

    def __init__(self, parts: CompactionParts) -> None:
        self._parts = parts
        self._gave_up = False  # nothing can be won, or the model does not summarize
        self._recovered = False  # and no step succeeded since

    async def make_room(self, asked: Asked) -> None:
        """Before a step: drop old output or compact, if the history is getting too long for the model."""
        most = most_tokens(asked.model, self._parts.compact_at)
        if self._gave_up or most == 0 or _size(self._parts, asked) < most:
            return
        if await _prune(self._parts, asked, most):
            return
        ended = await compact(self._parts, asked, trigger="auto")
        self._gave_up = ended is None or ended.status != "completed" or ended.tokens_after >= most

    def note_success(self) -> None:
        """After a step that was answered."""
        self._recovered = False

    async def recover(self, error: ProviderError, asked: Asked) -> None:
        """After a step that failed: return if it may be tried again because the history is shorter now.

        Raises:
            ProviderError: trying again is of no use; `error`, with what to do.
        """
        if error.fault != "context_too_long":
            raise error
        ended = None
        if not self._recovered:
            self._recovered = True
            ended = await compact(self._parts, asked, trigger="overflow")
        if ended is None or ended.status != "completed":
            error.hint = REMEDY
            raise error


async def compact(
    parts: CompactionParts,
    asked: Asked,
    *,
    trigger: Literal["auto", "manual", "overflow"],
    focus: str = "",
) -> events.CompactionEnded | None:
    """Let the model summarize all but the latest messages; None if there is nothing to summarize.

    A model that cannot do it changes nothing: `status` and `error` of what is returned say so. `focus` is
    what the summary must not miss.
    """
    past, model = parts.transcript.past, asked.model
    before = _size(parts, asked)
    most = min(before, most_tokens(model, parts.compact_at or COMPACT_AT))
    start = kept_from(past, int(most * TARGET) - asked.fixed - _context_limit(past, model))
    if start <= past.has_context:
        return None
    compaction_id = CompactionId(parts.new_id("cmp"))
    await parts.journal.record(events.CompactionStarted(compaction_id, trigger, focus))
    ended = events.CompactionEnded(compaction_id, "cancelled", tokens_before=before)
    try:
        text, usage = await _summarize(parts, asked, compaction_id, past.messages[:start], focus)
        context = context_text(past, start, text, quote_limit=_quote_limit(model))
        ended = events.CompactionEnded(
            compaction_id,
            "completed",
            summary=text,
            context=context,
            kept_from=past.id_at(start),
            kept_from_call=_call_at(past, start),
            tokens_before=before,
            tokens_after=asked.fixed + text_tokens(context) + sum(map(message_tokens, past.messages[start:])),
            usage=usage,
        )
    except ProviderError as exc:
        logger.warning("the conversation could not be summarized: %s", exc)
        why = f"{exc}; {exc.hint}" if exc.hint else str(exc)
        ended = msgspec.structs.replace(ended, status="failed", error=why)
    finally:
        with anyio.move_on_after(END_TIME, shield=True) as limit:
            await parts.journal.record(ended)
        if limit.cancelled_caught:
            parts.journal.announce(ended)
    if ended.status == "completed":
        await _tell_size(parts, asked, ended.usage)
    return ended


def kept_from(past: Past, budget: int) -> int:
    """Where the messages begin that a compaction keeps, with at most `budget` tokens.

    What is kept begins with words of the user or with a step that called tools, so no result is without its
    call. A message of the user that nobody has answered is kept, whatever its size.
    """
    messages = past.messages
    n_most = min(MAX_KEPT, (len(messages) - past.has_context) // 2)
    start = len(messages)
    for index in range(len(messages) - 1, past.has_context - 1, -1):
        budget -= message_tokens(messages[index])
        is_open = index == len(messages) - 1 and isinstance(messages[index], chat.FromUser)
        if not is_open and (budget < 0 or len(messages) - index > n_most):
            break
        if past.id_at(index) is not None or _call_at(past, index) is not None:
            start = index
    return start


def prune_point(past: Past, kept: int) -> tuple[ToolCallId, int] | None:
    """The last call whose output may be dropped, and the tokens that wins, if the newest `kept` ones stay.

    Output that the model has not seen yet stays, too.
    """
    for index in range(len(past.messages) - 1, -1, -1):
        message = past.messages[index]
        if isinstance(message, chat.FromTools):
            kept -= message_tokens(message)
            if kept < 0 and index < len(past.messages) - 1:
                won = sum(
                    message_tokens(one) - message_tokens(prune_message(one))
                    for one in past.messages[: index + 1]
                    if one is not past.latest
                )
                return message.results[0].call_id, won
    return None


async def _prune(parts: CompactionParts, asked: Asked, most: int) -> bool:
    """Drop old output; whether that made enough room."""
    point = prune_point(parts.transcript.past, min(KEPT_OUTPUT, most // 4))
    if point is None or point[1] < most * WORTH_PRUNING:
        return False
    remaining = _size(parts, asked) - point[1]
    await parts.journal.record(events.ContextPruned(point[0]))
    if remaining > most * TARGET:
        return False
    await _tell_size(parts, asked, chat.Usage())
    return True


async def _summarize(
    parts: CompactionParts,
    asked: Asked,
    compaction_id: CompactionId,
    dropped: list[chat.ChatMessage],
    focus: str,
) -> tuple[str, chat.Usage]:
    """The summary and what it took; of less if all is too long for a model that takes less than it should.

    Raises:
        ProviderError: there is none.
    """
    n_tokens = _summary_limit(asked.model)
    # A quarter of the context for what estimates get wrong.
    limit = max(asked.model.context_size * 3 // 4 - n_tokens, n_tokens) * BYTES_PER_TOKEN
    while True:
        question = summary_request(dropped, focus=focus, n_words=n_tokens // 2, limit=limit)
        try:
            return await _written(parts, asked, compaction_id, question, n_tokens)
        except ProviderError as exc:
            limit //= 4
            if exc.fault != "context_too_long" or limit < LEAST_ASKED:
                raise


async def _written(
    parts: CompactionParts, asked: Asked, compaction_id: CompactionId, question: chat.FromUser, n_tokens: int
) -> tuple[str, chat.Usage]:
    """The answer to the question, told as it is written, and what it took.

    Raises:
        ProviderError: there is none.
    """
    model = msgspec.structs.replace(asked.model, max_output=n_tokens, thinks=False)
    request = chat.ModelRequest(model, SYSTEM, (question,))
    pieces: list[str] = []
    room = n_tokens * BYTES_PER_TOKEN
    finished = chat.StepFinished("stop", chat.Usage())
    async with aclosing(asked.provider.stream(request)) as deltas:
        async for delta in deltas:
            match delta:
                case chat.TextDelta(text) if room > 0:
                    text = text[:room]
                    room -= len(text)
                    pieces.append(text)
                    parts.journal.say(events.SummaryChunk(compaction_id, text))
                    await parts.drain()
                case chat.StepFinished():
                    finished = delta
                case _:
                    pass
    summary = "".join(pieces).strip()
    if not summary or finished.reason == "refusal":
        raise ProviderError(
            "the model wrote no summary", fault="bad_stream", provider=asked.provider.name, hint="try again"
        )
    return summary, finished.usage


async def _tell_size(parts: CompactionParts, asked: Asked, usage: chat.Usage) -> None:
    price = price_of(asked.model, usage)
    cost = parts.cost_so_far()
    if price:
        cost = (cost or 0.0) + price
    used = _size(parts, asked)
    await parts.journal.record(events.UsageChanged(used, asked.model.context_size, cost))


def _size(parts: CompactionParts, asked: Asked) -> int:
    return context_tokens(parts.transcript.past, asked.fixed)


def _context_limit(past: Past, model: ModelInfo) -> int:
    """Tokens that what is told in place of the past takes at most."""
    said = {id(message): message for message in (past.opening, past.latest) if message is not None}
    quotes = sum(min(message_tokens(one), _quote_limit(model) // BYTES_PER_TOKEN) for one in said.values())
    return _summary_limit(model) + quotes


def _summary_limit(model: ModelInfo) -> int:
    return max(min(MAX_SUMMARY, model.max_output, model.context_size // 8), 1)


def _quote_limit(model: ModelInfo) -> int:
    """Characters of the user's first and last words that stay: a sixteenth of the context each."""
    return min(model.context_size // 16, 2 * MAX_SUMMARY) * BYTES_PER_TOKEN


def _call_at(past: Past, index: int) -> ToolCallId | None:
    if index >= len(past.messages):
        return None
    message = past.messages[index]
    if not isinstance(message, chat.FromAssistant):
        return None
    return next((part.call_id for part in message.content if isinstance(part, chat.ToolUse)), None)
