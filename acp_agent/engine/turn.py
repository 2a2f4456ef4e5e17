"""The model ⇄ tools loop between a prompt and its stop reason."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import anyio
import anyio.lowlevel
import msgspec

from acp_agent.base.clock import Clock
from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import IdSource, MessageId, TurnId, random_id
from acp_agent.engine.attachments import attach
from acp_agent.engine.journal import Journal
from acp_agent.engine.step import StepResult, run_step
from acp_agent.engine.toolrun import ToolBench, answer_call
from acp_agent.engine.transcript import Transcript
from acp_agent.model import events
from acp_agent.model.chat import ModelRequest, Usage
from acp_agent.model.content import Content, Text
from acp_agent.model.session import ModelInfo, StopReason
from acp_agent.ports import Provider, Workspace

logger = logging.getLogger(__name__)

CLEANUP_TIME = 2.0
"""Seconds in which an ended turn must have recorded its end."""

CANCELLED = "The user cancelled this call before it was finished."


class TurnContext(msgspec.Struct, frozen=True):
    """What a turn works with. The loop asks again, before each step, for what the user may have changed."""

    journal: Journal
    transcript: Transcript
    workspace: Workspace
    system: str
    max_steps: int
    new_id: IdSource
    clock: Clock
    choose_model: Callable[[], tuple[Provider, ModelInfo]]
    set_bench: Callable[[], Awaitable[ToolBench]]
    drain: Callable[[], Awaitable[None]]
    cost_so_far: Callable[[], float | None]


async def run_turn(
    turn_id: TurnId,
    content: tuple[Content, ...],
    context: TurnContext,
    scope: anyio.CancelScope,
    *,
    opening: Sequence[events.Event] = (),
) -> None:
    """Work on one prompt until it is answered; cancelling `scope` ends it as `cancelled`.

    `opening` is recorded together with the turn's start. Ends with `TurnEnded` in the journal, whatever
    happens.
    """
    journal = context.journal
    stop_reason: StopReason = "cancelled"
    fault: events.TurnFault | None = None
    said = events.UserSaid(MessageId(context.new_id("msg")), content)
    await journal.record(*opening, events.TurnStarted(turn_id, context.clock()), said)
    try:
        with scope:
            await anyio.lowlevel.checkpoint_if_cancelled()
            await _attach(said, context)
            stop_reason = await _loop(context)
    except ProviderError as exc:
        stop_reason, fault = "error", _describe(exc)
    except Exception:
        incident = random_id("incident")
        logger.exception("turn failed unexpectedly (%s)", incident)
        message = f"the turn failed with an internal error ({incident})"
        stop_reason = "error"
        fault = events.TurnFault(message, "internal", hint="the log on stderr has the details")
    finally:  # also when the whole session is being ended
        ended = events.TurnEnded(turn_id, stop_reason, context.clock(), fault)
        with anyio.move_on_after(CLEANUP_TIME, shield=True) as limit:
            await journal.record(*context.transcript.close_calls("cancelled", CANCELLED), ended)
        if limit.cancelled_caught:
            journal.announce(ended)


async def _attach(said: events.UserSaid, context: TurnContext) -> None:
    if all(isinstance(part, Text) for part in said.content):
        return
    _, model = context.choose_model()
    found = await attach(said, workspace=context.workspace, model=model)
    if found:
        await context.journal.record(*found)


async def _loop(context: TurnContext) -> StopReason:
    for _ in range(context.max_steps):
        bench = await context.set_bench()
        provider, model = context.choose_model()
        request = ModelRequest(
            model,
            context.system,
            context.transcript.messages(),
            tuple(tool.spec for tool in bench.tools.values()),
        )
        step = await run_step(
            provider,
            request,
            journal=context.journal,
            taken_ids=context.transcript.call_ids,
            new_id=context.new_id,
            drain=context.drain,
        )
        await context.journal.record(*step.recorded, *_usage_events(context, model, step))
        if not step.calls:
            return _stop_reason(step)
        for call in step.calls:
            await answer_call(call, bench)
    return "max_turn_requests"


def _stop_reason(step: StepResult) -> StopReason:
    match step.finish:
        case "max_tokens" | "refusal":
            return step.finish
        case "stop" | "tool_calls":
            return "end_turn"


def _usage_events(context: TurnContext, model: ModelInfo, step: StepResult) -> list[events.Event]:
    usage = step.usage
    used = usage.input_tokens + usage.output_tokens
    if used == 0:  # the provider did not say
        return []
    price = price_of(model, usage)
    cost = context.cost_so_far() if price is None else (context.cost_so_far() or 0.0) + price
    return [events.UsageChanged(used, model.context_size, cost)]


def price_of(model: ModelInfo, usage: Usage) -> float | None:
    """US dollars for this usage, or None when the model's prices are not known."""
    if model.input_price is None or model.output_price is None:
        return None
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    read_price = model.input_price if model.cache_read_price is None else model.cache_read_price
    write_price = model.input_price if model.cache_write_price is None else model.cache_write_price
    micro_dollars = (
        max(usage.input_tokens - cached, 0) * model.input_price
        + usage.cache_read_tokens * read_price
        + usage.cache_write_tokens * write_price
        + usage.output_tokens * model.output_price
    )
    return micro_dollars / 1_000_000


def _describe(exc: ProviderError) -> events.TurnFault:
    return events.TurnFault(str(exc), exc.fault, exc.provider, exc.status, exc.retry_after, exc.hint)
