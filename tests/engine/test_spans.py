"""The spans of a turn, and the trace that everything done for it belongs to."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject
from acp_agent.base.trace import NO_TRACE, Attributes, Note, Trace, Tracer, current_trace, joined
from acp_agent.model.content import Text
from acp_agent.model.toolcall import ToolOutcome, succeeded
from tests.engine.conftest import Stage, Tool, open_stage

CLIENT = Trace("00-80e1afed08e019fc1110464cfa66635c-7a085853722dc6d2-01", baggage="user=x")


class Spans(Tracer):
    """Remembers spans by their names, in order of their beginnings; each is a place of its own."""

    def __init__(self) -> None:
        self.parents: dict[str, str] = {}
        self.told: dict[str, dict[str, object]] = {}
        self.failed: list[str] = []

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[Note]:
        return self._span(name, attributes)

    @contextmanager
    def _span(self, name: str, attributes: Attributes) -> Generator[Note]:
        name = f"{name} {len(self.told)}"
        self.parents[name] = current_trace().parent
        told = self.told[name] = dict(attributes)
        try:
            with joined(Trace(name, baggage=current_trace().baggage)):
                yield told.update
        except BaseException:
            self.failed.append(name)
            raise


async def prompt(stage: Stage, trace: Trace) -> None:
    turn_id = stage.session.submit((Text("go"),), trace)
    await stage.host.wait_for(lambda: any(end.turn_id == turn_id for end in stage.host.ends))


SCRIPT = "call: look {}\n---\nsay: Done.\n"


class Looking(Tool):
    """A tool that remembers the trace it was told."""

    def __init__(self) -> None:
        super().__init__("look", work=self._look)
        self.told: list[dict[str, str]] = []

    async def _look(self, args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        self.told.append(dict(context.trace))
        return succeeded("seen")


async def test_a_turn_its_steps_and_its_calls_are_spans_of_the_clients_trace() -> None:
    spans = Spans()
    async with open_stage(SCRIPT, Looking(), tracer=spans) as stage:
        await prompt(stage, CLIENT)
        turn, step, call, last = spans.told
        assert (turn, step, call, last) == (
            "invoke_agent acp-agent 0",
            "chat script 1",
            "execute_tool look 2",
            "chat script 3",
        )
        assert spans.parents == {turn: CLIENT.parent, step: turn, call: turn, last: turn}
        assert spans.told[turn] == {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "acp-agent",
            "gen_ai.conversation.id": stage.session.id,
            "acp.stop_reason": "end_turn",
        }
        assert spans.told[step]["acp.finish_reason"] == "tool_calls"
        assert spans.told[call]["gen_ai.tool.name"] == "look"
        assert spans.failed == []


async def test_a_tool_is_told_its_place_in_the_trace() -> None:
    looking = Looking()
    async with open_stage(SCRIPT, looking, tracer=Spans()) as stage:
        await prompt(stage, CLIENT)
    assert looking.told == [{"traceparent": "execute_tool look 2", "baggage": "user=x"}]


async def test_without_a_tracer_the_clients_trace_is_handed_on_as_it_is() -> None:
    looking = Looking()
    async with open_stage(f"{SCRIPT}---\n{SCRIPT}", looking) as stage:
        await prompt(stage, CLIENT)
        await prompt(stage, NO_TRACE)
    assert looking.told == [CLIENT.entries(), {}]


async def test_a_turn_that_fails_is_a_span_that_fails() -> None:
    spans = Spans()
    async with open_stage("error: 500 down\n", tracer=spans) as stage:
        await prompt(stage, CLIENT)
        assert stage.host.ends[0].stop_reason == "error"
    assert spans.failed == ["chat script 1", "invoke_agent acp-agent 0"]


async def test_no_span_holds_what_was_said() -> None:
    spans = Spans()
    async with open_stage(
        'call: look {"words": "private"}\n---\nsay: Private.\n', Looking(), tracer=spans
    ) as stage:
        stage.session.submit((Text("private words"),), CLIENT)
        await stage.host.wait_ends(1)
    assert "rivate" not in str(spans.told)
