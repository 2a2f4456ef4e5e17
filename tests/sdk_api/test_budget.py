"""A program that decides what its sessions may use up."""

from __future__ import annotations

from typing import Any

import pytest

from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import BudgetExhausted, CodeError, MaxToolRoundsExceeded, RunFailed
from acp_agent.sdk.embed.options.budget import BudgetDecision
from acp_agent.sdk.embed.options.session_options import SessionOptions
from acp_agent.sdk.embed.runs.results import TokenUsage
from tests.sdk_api.conftest import Home


class Guard:
    """Decides as it is told."""

    def __init__(self, llm: Any = None, tool: Any = None) -> None:
        self.llm = llm
        self.tool = tool
        self.asked: list[tuple[str, object]] = []
        self.used: list[TokenUsage] = []

    def check_before_llm(self, session_id: str, estimated_prompt_tokens: int) -> Any:
        self.asked.append((session_id, estimated_prompt_tokens))
        return self.llm

    def record_after_llm(self, session_id: str, usage: TokenUsage) -> None:
        self.used.append(usage)

    def check_before_tool(self, session_id: str, tool_name: str) -> Any:
        self.asked.append((session_id, tool_name))
        return self.tool


def test_a_guard_is_asked_and_told_what_was_used(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    guard = Guard("allow", BudgetDecision.allow())
    options = SessionOptions(llm_client=model, session_id="s").with_budget_guard(guard)
    agent.session(home.workspace, options).send("read it")
    assert [asked for _, asked in guard.asked][1] == "read"
    assert {session_id for session_id, _ in guard.asked} == {"s"}
    assert len(guard.used) == 2
    assert all(isinstance(tokens, int) and tokens > 0 for _, tokens in (guard.asked[0], guard.asked[2]))


@pytest.mark.parametrize(
    "decision",
    [
        BudgetDecision.deny("usd_cost", "the daily cap is reached"),
        {"decision": "deny", "resource": "usd_cost", "reason": "the daily cap is reached"},
    ],
)
def test_a_denial_ends_the_run_and_leaves_the_session_open(
    agent: Agent, home: Home, model: ScriptedProvider, decision: Any
) -> None:
    guard = Guard(decision)
    session = agent.session(home.workspace, llm_client=model, budget_guard=guard)
    with pytest.raises(CodeError.BudgetExhausted) as caught:
        session.send("hi")
    error = caught.value
    assert isinstance(error, BudgetExhausted)
    assert (str(error), error.code, error.resource) == (
        "the daily cap is reached",
        "budget_exhausted",
        "usd_cost",
    )
    run = session.current_run()
    assert run is not None
    assert (run.status, run.error) == ("failed", "the daily cap is reached")
    assert not session.is_closed()
    guard.llm = None
    assert session.send("hi").text == "Hello! You said hi"


def test_a_denied_tool_ends_the_run(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    guard = Guard(tool=BudgetDecision.deny("tool_calls", "read is capped"))
    session = agent.session(home.workspace, llm_client=model, budget_guard=guard)
    events = list(session.stream("read it"))
    (hit,) = [event for event in events if event.event_type == "budget_threshold_hit"]
    assert (hit.data["resource"], hit.data["kind"]) == ("tool_calls", "hard")
    assert (events[-1].event_type, events[-1].error_kind) == ("error", "budget_exhausted")


async def test_a_guard_with_coroutines_and_without_some_methods_is_one_too(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    class Partial:
        async def check_before_llm(self, session_id: str, estimated_prompt_tokens: int) -> BudgetDecision:
            return BudgetDecision.soft("usd_cost", 9.5, 10.0, "nearly there")

    session = async_agent.session(home.workspace, llm_client=model, budget_guard=Partial())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    events = [event async for event in session.stream("hi")]
    (hit,) = [event for event in events if event.event_type == "budget_threshold_hit"]
    assert hit.data == {
        "resource": "usd_cost",
        "kind": "soft",
        "consumed": 9.5,
        "limit": 10.0,
        "message": "nearly there",
    }
    assert events[-1].event_type == "end"


@pytest.mark.parametrize("answer", [ZeroDivisionError, {"decision": "perhaps"}, 3])
def test_a_guard_that_fails_or_says_nothing_clear_has_denied(
    agent: Agent, home: Home, model: ScriptedProvider, answer: Any
) -> None:
    class Broken(Guard):
        def check_before_llm(self, session_id: str, estimated_prompt_tokens: int) -> Any:
            if answer is ZeroDivisionError:
                raise ZeroDivisionError
            return answer

    session = agent.session(home.workspace, llm_client=model, budget_guard=Broken())
    with pytest.raises(BudgetExhausted, match="the budget guard failed"):
        session.send("hi")


def test_a_guard_can_be_exchanged(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model)
    session.set_budget_guard(Guard(BudgetDecision.deny("x", "no")))
    with pytest.raises(BudgetExhausted):
        session.send("hi")
    with pytest.raises(BudgetExhausted):
        session.send("hi", [])
    session.set_budget_guard(None)
    assert session.send("hi").text == "Hello! You said hi"


def test_a_side_question_costs_too(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(
        home.workspace, llm_client=model, budget_guard=Guard(BudgetDecision.deny("x", "no"))
    )
    with pytest.raises(RunFailed) as caught:
        session.btw("why?")
    assert caught.value.code == "budget_exhausted"


def test_limits_of_the_settings_count_in_a_program_too(home: Home) -> None:
    with Agent.create({"limits": {"max_tokens_per_prompt": 50}}, env=home.env) as agent:
        model = ScriptedProvider('call: read {"path": "notes.txt"}\nusage: 100 20\n---\nsay: never')
        session = agent.session(home.workspace, llm_client=model)
        with pytest.raises(BudgetExhausted, match="120 tokens of 50 tokens are used"):
            session.send("go")


def test_rounds_that_run_out_are_told_from_a_budget(agent: Agent, home: Home) -> None:
    model = ScriptedProvider('call: read {"path": "notes.txt"}\n---\nsay: never')
    session = agent.session(home.workspace, llm_client=model, max_tool_rounds=1, budget_guard=Guard())
    with pytest.raises(MaxToolRoundsExceeded):
        session.send("go")
