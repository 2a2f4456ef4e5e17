"""The model ⇄ tools loop that answers a prompt: history → step → calls, until the model is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import msgspec

from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import IdSource
from acp_agent.base.trace import Tracer
from acp_agent.engine.context.briefing import Briefing
from acp_agent.engine.context.compaction import Asked, CompactionParts, ContextKeeper, compact
from acp_agent.engine.context.size import COMPACT_AT, fixed_tokens
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.journal import Journal
from acp_agent.engine.options import Chosen, tuned
from acp_agent.engine.pricing import price_of
from acp_agent.engine.spans import step_span
from acp_agent.engine.turns.side_by_side import answer_calls
from acp_agent.engine.turns.steering import Steering
from acp_agent.engine.turns.step import StepResult, run_step
from acp_agent.engine.turns.toolrun import ToolBench
from acp_agent.model import events
from acp_agent.model.chat import ModelRequest
from acp_agent.model.content import Resource, Text
from acp_agent.model.session import ModelInfo, StopReason
from acp_agent.model.toolcall import ToolSpec
from acp_agent.ports import Provider, Workspace

TAKE_UP_TIME = 2.0
"""Seconds that recording one message said into a running turn may take."""


class AnswerContext(msgspec.Struct, frozen=True):
    """What the loop works with. It asks again, before each step, for what the user may have changed.

    `read_link` gives what is behind links that lead to no file.
    `keeps_ids` says that calls may have the ids that the model gave them.
    `compact_at` is the share of the model's context at which room is made in it, 0 for never.
    """

    journal: Journal
    transcript: Transcript
    workspace: Workspace
    briefing: Briefing
    system: Callable[[], str]
    max_steps: int
    new_id: IdSource
    choose_model: Callable[[], tuple[Provider, ModelInfo]]
    set_bench: Callable[[], Awaitable[ToolBench]]
    drain: Callable[[], Awaitable[None]]
    cost_so_far: Callable[[], float | None]
    chosen: Callable[[], Chosen]
    steering: Steering
    read_link: Callable[[str], Awaitable[tuple[Resource, ...] | None]]
    compact_at: float = COMPACT_AT
    keeps_ids: bool = True
    tracer: Tracer = Tracer()


async def answer_prompt(said: events.UserSaid, context: AnswerContext) -> StopReason:
    """Let the model work on what the user said until it asks for no more tools.

    Raises:
        ProviderError: the model could not answer; what it said before is in the journal.
    """
    bench = await begin_answer(said, context)
    if bench.delegation is not None:
        await bench.delegation.before_answer(said)
    return await answer_history(context)


async def begin_answer(said: events.UserSaid, context: AnswerContext) -> ToolBench:
    """Complete the history with what the model is to know before it answers; what calls run with by then."""
    bench = await context.set_bench()
    briefed = await context.briefing.begin_turn(said.message_id, context.workspace.roots, bench.tools)
    for event in briefed:
        context.journal.say(event)
    await _attach(said, context)
    return bench


async def compact_now(context: AnswerContext, focus: str = "") -> events.CompactionEnded | None:
    """Let the model summarize the conversation because the user wants it; None if there is nothing to do.

    Raises:
        ProviderError: there is no model to ask. One that fails says so in what is returned.
    """
    tools = tuple(tool.spec for tool in (await context.set_bench()).tools.values())
    return await compact(_compaction_parts(context), _asked(context, tools), trigger="manual", focus=focus)


async def _attach(said: events.UserSaid, context: AnswerContext) -> None:
    if all(isinstance(part, Text) for part in said.content):
        return
    from acp_agent.engine.attachments.attaching import attach  # lazy: most prompts are words alone

    _, model = context.choose_model()
    found = await attach(said, workspace=context.workspace, model=model, read_link=context.read_link)
    if found:
        await context.journal.record(*found)


async def _take_up(context: AnswerContext) -> None:
    """Let the history say what the user has said into the turn."""
    while (said := context.steering.take()) is not None:
        with anyio.move_on_after(TAKE_UP_TIME, shield=True):  # a cancel must not lose what was accepted
            await context.journal.record(said)
        await _attach(said, context)


async def answer_history(context: AnswerContext) -> StopReason:
    """Let the model go on from the history as it is until it asks for no more tools.

    Raises:
        ProviderError: the model could not answer; what it said before is in the journal.
    """
    keeper = ContextKeeper(_compaction_parts(context))
    for _ in range(context.max_steps):
        await _take_up(context)
        bench = await context.set_bench()
        ended = bench.delegation.endings() if bench.delegation is not None else None
        if ended is not None:
            await context.journal.record(ended)
        tools = tuple(tool.spec for tool in bench.tools.values())
        asked = _asked(context, tools)
        await keeper.make_room(asked)
        step = await _ask(asked, tools, context, keeper)
        await context.journal.record(*step.recorded, *_usage_events(context, asked.model, step))
        if not step.calls and context.steering.close_if_empty():
            return _stop_reason(step)
        await answer_calls(step.calls, bench)
    return "max_turn_requests"


async def _ask(
    asked: Asked, tools: tuple[ToolSpec, ...], context: AnswerContext, keeper: ContextKeeper
) -> StepResult:
    """One answered step. A history that is too long after all is compacted, and the model asked again."""
    while True:
        messages = context.transcript.messages()
        request = ModelRequest(asked.model, context.system(), messages, tools)
        try:
            with step_span(context.tracer, request) as tell:
                step = await run_step(
                    asked.provider,
                    tuned(request, context.chosen()),
                    journal=context.journal,
                    taken_ids=context.transcript.taken_ids if context.keeps_ids else None,
                    new_id=context.new_id,
                    drain=context.drain,
                )
                tell(step)
        except ProviderError as exc:
            await keeper.recover(exc, asked)
        else:
            keeper.note_success()
            return step


def _asked(context: AnswerContext, tools: tuple[ToolSpec, ...]) -> Asked:
    provider, model = context.choose_model()
    return Asked(provider, model, fixed_tokens(context.system(), tools))


def _compaction_parts(context: AnswerContext) -> CompactionParts:
    return CompactionParts(
        context.journal,
        context.transcript,
        context.new_id,
        context.drain,
        context.cost_so_far,
        context.compact_at,
    )


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
