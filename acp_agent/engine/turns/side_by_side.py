"""The calls of one step: in the order the model made them, side by side where they only look."""

from __future__ import annotations

from itertools import groupby

import anyio

from acp_agent.engine.turns.toolrun import ToolBench, answer_call
from acp_agent.model.toolcall import ToolCall

MAX_BESIDE = 8
"""Calls that run at the same time. Subagents have a limit of their own besides."""


async def answer_calls(calls: tuple[ToolCall, ...], bench: ToolBench) -> None:
    """Answer them all: calls in a row that may run beside others together, any other alone and in its turn.

    So a call that changes something runs when all before it have ended, and before any behind it begins. The
    model is told the answers in the order of its calls, whichever ended first.
    """

    def runs_beside(call: ToolCall) -> bool:
        tool = bench.tools.get(call.name)
        return tool is not None and tool.spec.runs_beside

    for beside, group in groupby(calls, runs_beside):
        together = list(group)
        if beside and len(together) > 1:
            await _answer_together(together, bench)
        else:
            for call in together:
                await answer_call(call, bench)


async def _answer_together(calls: list[ToolCall], bench: ToolBench) -> None:
    places = anyio.CapacityLimiter(MAX_BESIDE)

    async def answer(call: ToolCall) -> None:
        async with places:
            await answer_call(call, bench)

    async with anyio.create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(answer, call)
