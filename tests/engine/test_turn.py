"""From a prompt to its stop reason: steps, tools, permission, usage, faults."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from acp_agent import ports
from acp_agent.base.errors import FileMissing, ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.pricing import price_of
from acp_agent.model import events
from acp_agent.model.chat import FromTools, ToolResult, Usage
from acp_agent.model.content import Image, Text, shown_text
from acp_agent.model.permission import Decision
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import Location, PlanEntry, ToolCallPatch, ToolOutcome, failed
from acp_agent.providers.scripted import ScriptedProvider
from tests.engine.conftest import Host, SlowStore, Tool, broken_rules, open_stage

CALL_ONCE = 'call: echo {"x": 1}\n---\nsay: finished'


def patches(host: Host) -> list[ToolCallPatch]:
    return [event.patch for event in host.told if isinstance(event, events.CallShown)]


def answers(host: Host) -> list[events.CallAnswered]:
    return [event for event in host.told if isinstance(event, events.CallAnswered)]


def told_to_model(host: Host) -> str:
    return "\n".join(
        part.text for answer in answers(host) for part in answer.content if isinstance(part, Text)
    )


@pytest.mark.parametrize(
    ("script", "stop_reason"),
    [
        ("say: done", "end_turn"),
        ("say: half of\nstop: max_tokens", "max_tokens"),
        ('call: echo {"x": 1}\nstop: max_tokens', "max_tokens"),
        ("say: no\nstop: refusal", "refusal"),
        ("say:", "end_turn"),
        ("think: only thinking", "end_turn"),
        (CALL_ONCE, "end_turn"),
    ],
)
async def test_a_turn_ends_as_the_model_does(script: str, stop_reason: str) -> None:
    async with open_stage(script, Tool("echo")) as stage:
        ended = await stage.prompt("go")
        assert (ended.stop_reason, ended.fault) == (stop_reason, None)


async def test_a_turn_that_never_ends_is_ended_after_the_step_limit() -> None:
    tool = Tool("echo")
    script = "\n---\n".join(['call: echo {"x": 1}'] * 9)
    async with open_stage(script, tool, max_steps=3) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_turn_requests"
        assert (len(stage.provider.requests), len(tool.runs)) == (3, 3)
        assert broken_rules(stage.provider.requests[-1].messages) == []


@pytest.mark.parametrize(
    ("script", "fault", "status"),
    [
        ("error: 401 no key", "unauthorized", 401),
        ("error: 429 slow down", "rate_limited", 429),
        ("say: half\nerror: 500 broke", None, None),
        ("say: half\ncut", "bad_stream", None),
        ("", "script", None),
    ],
)
async def test_a_model_that_fails_ends_the_turn_with_a_fault(
    script: str, fault: str | None, status: int | None
) -> None:
    async with open_stage(script) as stage:
        ended = await stage.prompt("go")
        assert ended.stop_reason == "error"
        assert ended.fault is not None
        assert ended.fault.provider == "scripted"
        if fault is not None:
            assert (ended.fault.fault, ended.fault.status) == (fault, status)


async def test_a_model_that_is_not_configured_says_what_to_do() -> None:
    async with open_stage("say: x", defaults=Defaults("nobody/none")) as stage:
        ended = await stage.prompt("go")
        assert ended.fault is not None
        assert (ended.fault.fault, ended.fault.provider) == ("not_configured", "nobody")
        assert "doctor" in ended.fault.hint
        await stage.session.set_model("scripted/script")
        assert (await stage.prompt("go")).stop_reason == "end_turn"


async def test_a_call_is_announced_run_and_answered() -> None:
    tool = Tool("echo")
    async with open_stage(CALL_ONCE, tool) as stage:
        await stage.prompt("go")
        named, written, announced, started, ended = patches(stage.host)
        assert named == ToolCallPatch(name="echo", title="echo", kind="other", status="pending")
        assert written == ToolCallPatch(raw_input={"x": 1})
        assert (announced.title, announced.raw_input) == ("Use echo", {"x": 1})
        assert started == ToolCallPatch(status="in_progress")
        assert ended == ToolCallPatch(status="completed", content=(shown_text("done"),))
        call_id = answers(stage.host)[0].call_id
        assert stage.provider.requests[1].messages[-1] == FromTools((ToolResult(call_id, (Text("done"),)),))


async def test_progress_is_shown_and_the_outcome_replaces_it() -> None:
    async def work(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        context.report(ToolCallPatch(content=(shown_text("half"),)))
        await anyio.lowlevel.checkpoint()
        return ToolOutcome(
            (Text("for the model"), Image("AA==", "image/png")),
            display=(shown_text("for the user"),),
            raw_output={"code": 0},
            plan=(PlanEntry("next"),),
            locations=(Location("/x", 3),),
        )

    async with open_stage(CALL_ONCE, Tool("echo", work=work)) as stage:
        await stage.prompt("go")
        assert patches(stage.host)[4:] == [
            ToolCallPatch(content=(shown_text("half"),)),
            ToolCallPatch(
                status="completed",
                content=(shown_text("for the user"),),
                locations=(Location("/x", 3),),
                raw_output={"code": 0},
            ),
        ]
        assert [event for event in stage.host.told if isinstance(event, events.PlanChanged)] == [
            events.PlanChanged((PlanEntry("next"),))
        ]
        assert answers(stage.host)[0].content == (Text("for the model"), Image("AA==", "image/png"))


async def _raise(error: Exception) -> ToolOutcome:
    await anyio.lowlevel.checkpoint()
    raise error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ToolError("try `b` instead"), "try `b` instead"),
        (FileMissing("/x"), "no such file: `/x`"),
        (ValueError("a secret detail"), "internal error (incident_"),
    ],
)
@pytest.mark.parametrize("where", ["preview", "run"])
async def test_a_tool_that_fails_tells_the_model_and_the_turn_goes_on(
    error: Exception, expected: str, where: str
) -> None:
    def check(args: JsonObject) -> None:
        if where == "preview":
            raise error

    tool = Tool("echo", work=lambda _, __: _raise(error), check=check)
    async with open_stage(CALL_ONCE, tool) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert expected in told_to_model(stage.host)
        assert "secret" not in told_to_model(stage.host)
        assert answers(stage.host)[0].is_error
        assert patches(stage.host)[-1].status == "failed"


async def test_an_outcome_that_is_an_error_keeps_what_was_previewed() -> None:
    async def work(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        return failed("exit code 1")

    async with open_stage(CALL_ONCE, Tool("echo", work=work)) as stage:
        await stage.prompt("go")
        assert patches(stage.host)[-1] == ToolCallPatch(status="failed", content=(shown_text("exit code 1"),))


async def test_an_unknown_tool_is_named_with_those_there_are() -> None:
    async with open_stage("call: nope {}\n---\nsay: ok", Tool("echo"), Tool("other")) as stage:
        await stage.prompt("go")
        assert told_to_model(stage.host) == "There is no tool `nope`. Use one of: echo, other."
        assert [patch.title for patch in patches(stage.host)[:1]] == ["nope"]


@pytest.mark.parametrize(
    ("decision", "runs", "words"),
    [
        ("allow_once", 1, "done"),
        ("allow_always", 1, "done"),
        ("reject_once", 0, "rejected this call"),
        ("reject_always", 0, "rejected this call"),
        ("dismissed", 0, "did not approve"),
    ],
)
async def test_a_changing_call_runs_only_when_it_is_allowed(
    decision: Decision, runs: int, words: str
) -> None:
    tool = Tool("echo", "execute")
    async with open_stage(CALL_ONCE, tool) as stage:
        stage.host.decision = decision
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert (len(stage.host.asked), len(tool.runs)) == (1, runs)
        assert words in told_to_model(stage.host)
        assert stage.host.of(events.PermissionDecided) != []
        assert stage.host.asked[0].call_id == answers(stage.host)[0].call_id
        assert stage.host.asked[0].call.title == "Use echo"


@pytest.mark.parametrize(
    ("decision", "verdict"), [("allow_always", "done"), ("reject_always", "whole session")]
)
async def test_an_always_answer_holds_for_the_session_and_after_a_reopening(
    decision: Decision, verdict: str
) -> None:
    async with open_stage(CALL_ONCE, Tool("echo", "execute")) as stage:
        stage.host.decision = decision
        await stage.prompt("one")
        await stage.prompt("two")
        await (await stage.reopen()).prompt("three")
        assert len(stage.host.asked) == 1
        assert verdict in told_to_model(stage.host).split("\n")[-1]


async def test_a_side_effect_waits_until_everything_before_it_is_safe() -> None:
    store = SlowStore()
    n_syncs: list[int] = []

    async def work(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        n_syncs.append(store.n_syncs)
        return failed("x")

    async with open_stage(CALL_ONCE, Tool("echo", "write", work), store=store) as stage:
        await stage.prompt("go")
        assert n_syncs == [1]


async def test_a_mode_changed_during_a_turn_holds_for_its_next_call() -> None:
    tool = Tool("echo", "write")
    script = "\n---\n".join(['call: echo {"x": 1}', 'call: echo {"y": 2}', "say: ok"])
    async with open_stage(script, tool) as stage:

        async def work(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
            await stage.session.set_mode("plan")
            return failed("x")

        tool.work = work  # the tool needs the session, which exists only now
        await stage.prompt("go")
        assert (len(tool.runs), len(stage.host.asked)) == (1, 1)
        assert "Plan mode is read-only" in told_to_model(stage.host)


async def test_a_model_changed_during_a_turn_answers_the_next_step() -> None:
    other = ScriptedProvider("say: unused\n---\nsay: from the other", name="other")
    tool = Tool("echo")
    async with open_stage(CALL_ONCE, tool, providers=[other]) as stage:

        async def work(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
            await stage.session.set_model("other/script")
            return failed("x")

        tool.work = work
        await stage.prompt("go")
        assert (len(stage.provider.requests), len(other.requests)) == (1, 1)
        assert stage.host.text == "from the other"
        assert other.requests[0].model.id == "other/script"


PRICED = ModelInfo("scripted/script", "m", context_size=1000, input_price=2.0, output_price=10.0)


async def test_usage_and_cost_add_up_and_survive_a_reopening() -> None:
    model = ScriptedProvider(
        "usage: 100 10\nsay: x", name="priced", models=(ModelInfo("priced/script", "m", 1000, 8, 2.0, 10.0),)
    )
    async with open_stage("", providers=[model], defaults=Defaults("priced/script")) as stage:
        await stage.prompt("one")
        await stage.prompt("two")
        await (await stage.reopen()).prompt("three")
        usage = [event for event in stage.host.told if isinstance(event, events.UsageChanged)]
        assert [(event.used, event.size) for event in usage] == [(110, 1000)] * 3
        assert [event.cost for event in usage] == pytest.approx([0.0003, 0.0006, 0.0009])


async def test_usage_without_prices_has_no_cost_and_no_usage_is_not_told() -> None:
    async with open_stage("usage: 5 1\nsay: x\n---\nsay: y") as stage:
        await stage.prompt("one")
        assert [event.cost for event in stage.host.told if isinstance(event, events.UsageChanged)] == [None]
    async with open_stage("say: x") as stage:
        await stage.prompt("one")
        assert stage.host.of(events.UsageChanged) == []


@pytest.mark.parametrize(
    ("model", "usage", "expected"),
    [
        (PRICED, Usage(1_000_000, 1_000_000), 12.0),
        (PRICED, Usage(10, 0, cache_read_tokens=4, cache_write_tokens=6), 20 / 1_000_000),
        (ModelInfo("m", "m"), Usage(5, 5), None),
        (ModelInfo("m", "m", input_price=1.0), Usage(5, 5), None),
        (
            ModelInfo("m", "m", 1, 1, 10.0, 100.0, 1.0, 20.0),
            Usage(1000, 10, cache_read_tokens=600, cache_write_tokens=300),
            (100 * 10 + 600 * 1 + 300 * 20 + 10 * 100) / 1_000_000,
        ),
        (PRICED, Usage(0, 0, cache_read_tokens=5), 10 / 1_000_000),
    ],
)
def test_the_price_of_a_step(model: ModelInfo, usage: Usage, expected: float | None) -> None:
    assert price_of(model, usage) == (None if expected is None else pytest.approx(expected))


async def test_the_model_is_told_where_it_works_and_what_it_can_use() -> None:
    async with open_stage("say: x", Tool("a"), Tool("b")) as stage:
        await stage.prompt("one")
        await stage.prompt("two")
        first, second = stage.provider.requests
        assert [tool.name for tool in first.tools] == ["a", "b"]
        assert str(stage.session.workspace.roots[0]) in first.system
        assert first.system == second.system
        assert second.messages[: len(first.messages)] == first.messages


async def test_a_turn_with_tools_sends_every_result_back() -> None:
    script = 'call: echo {"n": 1}\ncall: echo {"n": 2}\n---\nsay: {result}'
    async with open_stage(script, Tool("echo")) as stage:
        await stage.prompt("go")
        results = stage.provider.requests[1].messages[-1]
        assert isinstance(results, FromTools)
        assert len(results.results) == 2
        assert stage.host.text == "done"
