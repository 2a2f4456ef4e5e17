"""The model ⇄ tools loop that answers a prompt: history → step → calls, until the model is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from acp_agent.base.ids import IdSource
from acp_agent.engine.attachments import attach
from acp_agent.engine.journal import Journal
from acp_agent.engine.pricing import price_of
from acp_agent.engine.step import StepResult, run_step
from acp_agent.engine.toolrun import ToolBench, answer_call
from acp_agent.engine.transcript import Transcript
from acp_agent.model import events
from acp_agent.model.chat import ModelRequest
from acp_agent.model.content import Text
from acp_agent.model.session import ModelInfo, StopReason
from acp_agent.ports import Provider, Workspace


class AnswerContext(msgspec.Struct, frozen=True):
    """What the loop works with. It asks again, before each step, for what the user may have changed."""

    journal: Journal
    transcript: Transcript
    workspace: Workspace
    system: str
    max_steps: int
    new_id: IdSource
    choose_model: Callable[[], tuple[Provider, ModelInfo]]
    set_bench: Callable[[], Awaitable[ToolBench]]
    drain: Callable[[], Awaitable[None]]
    cost_so_far: Callable[[], float | None]


async def answer_prompt(said: events.UserSaid, context: AnswerContext) -> StopReason:
    """Let the model work on what the user said until it asks for no more tools.

    Raises:
        ProviderError: the model could not answer; what it said before is in the journal.
    """
    await _attach(said, context)
    return await _loop(context)


async def _attach(said: events.UserSaid, context: AnswerContext) -> None:
    if all(isinstance(part, Text) for part in said.content):
        return
    _, model = context.choose_model()
    found = await attach(said, workspace=context.workspace, model=model)
    if found:
        await context.journal.record(*found)


async def _loop(context: AnswerContext) -> StopReason:
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


def _usage_events(context: AnswerContext, model: ModelInfo, step: StepResult) -> list[events.Event]:
    usage = step.usage
    used = usage.input_tokens + usage.output_tokens
    if used == 0:  # the provider did not say
        return []
    price = price_of(model, usage)
    cost = context.cost_so_far() if price is None else (context.cost_so_far() or 0.0) + price
    return [events.UsageChanged(used, model.context_size, cost)]
