"""A question to the model beside the conversation, answered in JSON. It may fail; nothing depends on it."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TypeVar

import anyio
import msgspec

from acp_agent.base.errors import ProviderError
from acp_agent.base.jsontext import InvalidJson, load
from acp_agent.engine.context.size import context_tokens, fixed_tokens
from acp_agent.engine.pricing import price_of
from acp_agent.engine.turns.answering import AnswerContext
from acp_agent.model import chat, events
from acp_agent.model.content import Text
from acp_agent.model.planning import AskedAside
from acp_agent.model.session import ModelInfo

T = TypeVar("T", bound=msgspec.Struct)

logger = logging.getLogger(__name__)

ANSWER_TIME = 60.0
"""Seconds that an answer may take before the work goes on without it."""

MAX_ANSWER = 2_048
"""Tokens of an answer."""


async def ask_aside(system: str, question: str, kind: type[T], context: AnswerContext) -> T | None:
    """The model's answer to a question of its own, None if it gives none that can be used.

    What that took is recorded; the conversation does not change.
    """
    try:
        provider, model = context.choose_model()
        brief = msgspec.structs.replace(model, max_output=min(model.max_output, MAX_ANSWER), thinks=False)
        request = chat.ModelRequest(brief, system, (chat.FromUser((Text(question),)),))
        text, usage = "", chat.Usage()
        with anyio.move_on_after(ANSWER_TIME) as limit:
            async with aclosing(provider.stream(request)) as deltas:
                async for delta in deltas:
                    match delta:
                        case chat.TextDelta(more):
                            text += more
                        case chat.StepFinished(_, counted):
                            usage = counted
                        case _:
                            pass
    except ProviderError as exc:
        logger.warning("the model did not say how to plan: %s", exc)
        return None
    if limit.cancelled_caught:
        logger.warning("the model did not say how to plan within %.0f s", ANSWER_TIME)
        return None
    await _account(usage, model, context)
    return _read(text, kind)


def _read(text: str, kind: type[T]) -> T | None:
    """The JSON object in the text, whatever is written around it."""
    start, end = text.find("{"), text.rfind("}")
    try:
        return msgspec.convert(load(text[start : end + 1].encode()), kind, strict=False)
    except (InvalidJson, UnicodeError, msgspec.ValidationError) as exc:
        logger.info("the model's plan or judgment cannot be read: %s", exc)
        return None


async def _account(usage: chat.Usage, model: ModelInfo, context: AnswerContext) -> None:
    recorded: list[events.Event] = [events.PlanningTold(AskedAside(usage, model.id))]
    price = price_of(model, usage)
    if price:
        tools = (tool.spec for tool in (await context.set_bench()).tools.values())
        used = context_tokens(context.transcript.past, fixed_tokens(context.system(), tools))
        cost = (context.cost_so_far() or 0.0) + price
        recorded.append(events.UsageChanged(used, model.context_size, cost))
    await context.journal.record(*recorded)
