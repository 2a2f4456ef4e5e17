"""Tries, limits, and an eye on what the model repeats."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.model.chat import FromUser
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import MaxToolRoundsExceeded, RunFailed
from acp_agent.sdk.embed.opening.resilience import is_unfinished, signature
from acp_agent.sdk.embed.options.custom_tools import tool
from acp_agent.sdk.embed.options.session_options import SessionOptions
from tests.sdk_api.conftest import Home


def broken(n_calls: int) -> ScriptedProvider:
    return ScriptedProvider("\n---\n".join(['call-raw: read {"path": '] * n_calls + ["say: at last"]))


def test_026_as_many_unusable_calls_in_a_row_as_allowed_are_put_up_with(agent: Agent, home: Home) -> None:
    session = agent.session(home.workspace, SessionOptions(llm_client=broken(3)).with_parse_retries(3))
    events = list(session.stream("go"))
    ends = [event for event in events if event.event_type == "tool_end"]
    assert [(end.exit_code, "not usable" in (end.tool_output or "")) for end in ends] == [(1, True)] * 3
    assert events[-1].text == "at last"


def test_026_one_more_ends_the_run(agent: Agent, home: Home) -> None:
    session = agent.session(home.workspace, SessionOptions(llm_client=broken(4)).with_parse_retries(3))
    with pytest.raises(RunFailed, match="unusable arguments 4 times in a row"):
        session.send("go")


def test_026_a_good_call_starts_the_count_again(agent: Agent, home: Home) -> None:
    bad, good = 'call-raw: read {"path": ', 'call: read {"path": "notes.txt"}'
    model = ScriptedProvider("\n---\n".join([bad, good, bad, "say: done"]))
    session = agent.session(home.workspace, llm_client=model, max_parse_retries=1)
    assert session.send("go").text == "done"


async def test_027_a_tool_that_takes_too_long_is_ended_and_the_model_told(
    async_agent: AsyncAgent, home: Home
) -> None:
    ended: list[str] = []

    @tool(read_only=True)
    async def hang() -> str:
        """Hang."""
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("hang")
        return ""

    model = ScriptedProvider("call: hang {}\n---\nsay: {result}")
    options = SessionOptions(llm_client=model, tools=[hang]).with_tool_timeout(1)
    result = await async_agent.session(home.workspace, options).send("go")
    assert (result.text, ended) == ("Tool 'hang' timed out after 1 ms", ["hang"])


def test_028_a_request_that_fails_is_tried_again(agent: Agent, home: Home) -> None:
    model = ScriptedProvider("error: 503 busy")
    session = agent.session(home.workspace, SessionOptions(llm_client=model).with_circuit_breaker(2))
    with pytest.raises(RunFailed, match=r"circuit breaker triggered: failed after 2 attempt\(s\)"):
        session.send("go")
    assert len(model.requests) == 2


def test_028_what_cannot_help_is_not_tried_again(agent: Agent, home: Home) -> None:
    model = ScriptedProvider("error: 400 nonsense")
    session = agent.session(home.workspace, llm_client=model, circuit_breaker_threshold=5)
    with pytest.raises(RunFailed):
        session.send("go")
    assert len(model.requests) == 1


def test_029_the_bundle() -> None:
    options = SessionOptions().with_resilience_defaults()
    bundle = (options.max_parse_retries, options.tool_timeout_ms, options.circuit_breaker_threshold)
    assert bundle == (2, 120_000, 3)


def test_the_same_call_again_and_again_is_not_run_and_then_ends_the_run(agent: Agent, home: Home) -> None:
    ran: list[int] = []

    @tool(read_only=True)
    def look() -> str:
        """Look."""
        ran.append(1)
        return "nothing"

    model = ScriptedProvider("\n---\n".join(["call: look {}"] * 9))
    session = agent.session(home.workspace, llm_client=model, tools=[look])
    events = list(session.stream("go"))
    outputs = [event.tool_output for event in events if event.event_type == "tool_end"]
    assert (len(ran), outputs[:2]) == (2, ["nothing", "nothing"])
    assert "with the same arguments again and again" in (outputs[2] or "")
    assert "repeats the same call" in (events[-1].error or "")


def test_a_model_that_stops_in_the_middle_is_told_to_go_on(agent: Agent, home: Home) -> None:
    model = ScriptedProvider("say: Let me look at the files:\nwhen: Continue.\nsay: Done.")
    session = agent.session(home.workspace, llm_client=model)
    assert session.send("go").text == "Done."
    said = model.requests[-1].messages[-1]
    assert isinstance(said, FromUser)
    assert "Continue." in str(said.content)
    alone = agent.session(home.workspace, llm_client=model, continuation_enabled=False)
    assert alone.send("go").text == "Let me look at the files:"


def test_it_is_told_so_only_so_often(agent: Agent, home: Home) -> None:
    model = ScriptedProvider("closing: I'll go on...\nsay: I'll begin...")
    session = agent.session(home.workspace, llm_client=model, max_continuation_turns=2)
    session.send("go")
    assert len(model.requests) == 3


def test_rounds_and_time_have_a_limit(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model, max_tool_rounds=1)
    with pytest.raises(MaxToolRoundsExceeded, match=r"Max tool rounds \(1\) exceeded"):
        session.send("read it")
    slow = agent.session(home.workspace, llm_client=model, max_execution_time_ms=1)
    with pytest.raises(RunFailed, match=r"Max execution time \(1 ms\) exceeded") as failed:
        slow.send("forever")
    assert failed.value.code == "timeout"
    assert [run.status for run in (*session.runs(), *slow.runs())] == ["failed", "failed"]


def test_of_the_options_time_and_the_settings_the_shorter_holds(home: Home, model: ScriptedProvider) -> None:
    with Agent.create({"limits": {"max_seconds_per_prompt": 0.001}}, env=home.env) as agent:
        session = agent.session(home.workspace, llm_client=model, max_execution_time_ms=60_000)
        with pytest.raises(RunFailed, match=r"Max execution time \(1 ms\) exceeded"):
            session.send("forever")
        (run,) = session.runs()
        assert run.status == "failed"
        assert "budget_threshold_hit" in [one.event_type for one in session.run_events(run.id)]


@pytest.mark.parametrize("text", ["", "  ", "Here it is:", "and then...", "I'll fix it now", "Let me see"])
def test_what_looks_unfinished(text: str) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize(
    "text", ["Done.", "It is in auth.py.", "1. one\n2. two", "I fixed it. All tests pass."]
)
def test_what_looks_finished(text: str) -> None:
    assert not is_unfinished(text)


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_the_order_of_arguments_makes_no_other_call(args: dict[str, int | str]) -> None:
    shuffled = dict(reversed(args.items()))
    assert signature("t", {**args}) == signature("t", {**shuffled})
