"""The spans of a session's work, by the names that OpenTelemetry's conventions for generative AI give them.

They tell what happened, how long it took and how it ended. They never hold what was said.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager

from acp_agent.base.ids import SessionId
from acp_agent.base.trace import Note, Trace, Tracer, joined
from acp_agent.engine.turns.step import StepResult
from acp_agent.model.chat import ModelRequest
from acp_agent.model.session import StopReason
from acp_agent.model.toolcall import ToolCall


async def traced_turn(
    work: Callable[[], Awaitable[StopReason]], trace: Trace, tracer: Tracer, session_id: SessionId
) -> StopReason:
    """Do a turn's work as part of `trace`."""
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "acp-agent",
        "gen_ai.conversation.id": session_id,
    }
    with joined(trace), tracer.span("invoke_agent acp-agent", about) as note:
        stop_reason = await work()
        note({"acp.stop_reason": stop_reason})
        return stop_reason


@contextmanager
def step_span(tracer: Tracer, request: ModelRequest) -> Generator[Callable[[StepResult], None]]:
    """One model request; tell it the result."""
    model = request.model.id
    provider, _, name = model.partition("/")
    about = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": name,
    }
    with tracer.span(f"chat {name}", about) as note:

        def tell(step: StepResult) -> None:
            note(
                {
                    "gen_ai.usage.input_tokens": step.usage.input_tokens,
                    "gen_ai.usage.output_tokens": step.usage.output_tokens,
                    "acp.finish_reason": step.finish,
                }
            )

        yield tell


def call_span(tracer: Tracer, call: ToolCall) -> AbstractContextManager[Note]:
    """One tool call, with the time that the user needed to allow it."""
    about = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.name,
        "gen_ai.tool.call.id": call.id,
    }
    return tracer.span(f"execute_tool {call.name}", about)
