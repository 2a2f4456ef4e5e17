"""Limits: what a prompt may use up, who is asked about it, and how a turn ends that reaches one."""

from __future__ import annotations

import anyio
import msgspec
import pytest

from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.limits.spending_guard import SpendingGuard
from acp_agent.engine.oversight import OUT_OF_TIME
from acp_agent.engine.watch import Watch
from acp_agent.model import events
from acp_agent.model.chat import FromTools, Usage
from acp_agent.model.limits import (
    ALLOWED,
    BudgetDecision,
    Denied,
    LimitHit,
    Limits,
    SoftLimit,
    Spent,
)
from acp_agent.model.session import ModelInfo
from acp_agent.model.toolcall import ToolOutcome, succeeded
from acp_agent.ports import ToolContext
from acp_agent.ports.budget import BudgetGuard
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.tools.task import task_tools
from tests.engine.conftest import VIRTUAL_CLOCK, Tool, broken_rules, open_stage

TWO_STEPS = 'call: look {"path": "a"}\nusage: 100 20\n---\nsay: done\nusage: 150 30'
SESSION = SessionId("s")


def limited(limits: Limits | None = None, *guards: BudgetGuard) -> Defaults:
    return Defaults("scripted/script", watch=Watch(limits=limits or Limits(), guards=guards))


class Guard:
    """Decides as it is told, and remembers what it was asked."""

    def __init__(self, llm: BudgetDecision = ALLOWED, tool: BudgetDecision = ALLOWED) -> None:
        self.llm: BudgetDecision | BaseException = llm
        self.tool: BudgetDecision | BaseException = tool
        self.asked: list[object] = []
        self.spent: list[Spent] = []

    async def check_before_llm(self, session_id: SessionId, estimated_tokens: int) -> BudgetDecision:
        self.asked.append(estimated_tokens)
        if isinstance(self.llm, BaseException):
            raise self.llm
        return self.llm

    async def record_after_llm(self, session_id: SessionId, spent: Spent) -> None:
        self.spent.append(spent)

    async def check_before_tool(self, session_id: SessionId, tool: str) -> BudgetDecision:
        self.asked.append(tool)
        if isinstance(self.tool, BaseException):
            raise self.tool
        return self.tool


def model_of(script: str, *, price: float | None) -> ScriptedProvider:
    """A provider `paid` whose model costs so many dollars for a million tokens, read or written."""
    model = ModelInfo("paid/model", "Paid", input_price=price, output_price=price)
    return ScriptedProvider(script, "paid", (model,))


async def test_as_many_model_requests_as_allowed_end_a_turn_for_that_reason() -> None:
    script = 'call: look {"path": "a"}\n---\ncall: look {"path": "b"}\n---\nsay: never'
    async with open_stage(script, Tool("look", "read"), max_steps=2) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_turn_requests"


async def test_an_answer_cut_off_at_its_length_ends_a_turn_for_that_reason() -> None:
    async with open_stage("say: and so\nstop: max_tokens") as stage:
        assert (await stage.prompt("go")).stop_reason == "max_tokens"


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_prompt_that_takes_too_long_is_ended_and_what_was_open_is_answered() -> None:
    async def hang(_: JsonObject, __: ToolContext) -> ToolOutcome:
        await anyio.sleep_forever()
        return succeeded("never")

    script = 'call: look {"path": "a"}\nwhen: again\nsay: hello'
    defaults = limited(Limits(max_seconds_per_prompt=3))
    async with open_stage(script, Tool("look", "read", hang), defaults=defaults) as stage:
        ended = await stage.prompt("go")
        assert ended.stop_reason == "max_turn_requests"
        assert LimitHit("time", "hard", "A prompt may be worked on for 3 s", 3, 3) in stage.host.told
        answers = [one for one in stage.host.told if isinstance(one, events.CallAnswered)]
        assert [answer.content[0].text for answer in answers] == [OUT_OF_TIME]  # type: ignore[union-attr]
        assert (await stage.prompt("again")).stop_reason == "end_turn"
        assert broken_rules(stage.provider.requests[-1].messages) == []


async def test_a_prompt_within_its_time_is_left_alone() -> None:
    async with open_stage("say: hi", defaults=limited(Limits(max_seconds_per_prompt=30))) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert stage.host.of(LimitHit) == []


async def test_tokens_of_one_prompt_are_limited_and_the_next_begins_anew() -> None:
    defaults = limited(Limits(max_tokens_per_prompt=120))
    script = f"{TWO_STEPS}\nwhen: more\nsay: more\nusage: 110 5"
    async with open_stage(script, Tool("look", "read"), defaults=defaults) as stage:
        ended = await stage.prompt("go")
        assert ended.stop_reason == "max_tokens"
        message = "120 tokens of 120 tokens are used"
        assert stage.host.of(LimitHit) == [LimitHit("tokens", "hard", message, 120, 120)]
        assert broken_rules(stage.session.transcript.messages()) == []
        assert (await stage.prompt("more")).stop_reason == "end_turn"


async def test_the_user_is_told_once_that_a_limit_is_near() -> None:
    defaults = limited(Limits(max_tokens_per_prompt=150))
    script = TWO_STEPS.replace(
        "say: done\nusage: 150 30", 'call: look {"path": "b"}\nusage: 1 1\n---\nsay: done'
    )
    async with open_stage(script, Tool("look", "read"), defaults=defaults) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        message = "120 tokens of 150 tokens are used"
        assert stage.host.of(LimitHit) == [LimitHit("tokens", "soft", message, 120, 150)]


async def test_the_cost_of_a_session_is_limited_also_after_it_was_opened_again() -> None:
    defaults = msgspec.structs.replace(limited(Limits(max_cost=0.0001)), model="paid/model")
    model = model_of(TWO_STEPS, price=1.0)
    async with open_stage("say: x", Tool("look", "read"), defaults=defaults, providers=[model]) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_turn_requests"
        (hit,) = stage.host.of(LimitHit)
        assert isinstance(hit, LimitHit)
        assert (hit.resource, hit.kind, hit.message) == ("cost", "hard", "$0.000120 of $0.000100 are used")
        await stage.reopen()
        assert (await stage.prompt("more")).stop_reason == "max_turn_requests"
        assert len(stage.host.of(LimitHit)) == 2
        assert len(model.requests) == 1


async def test_where_no_prices_are_known_the_user_is_told_that_the_limit_does_not_hold() -> None:
    defaults = msgspec.structs.replace(limited(Limits(max_cost=1.0)), model="paid/model")
    model = model_of(TWO_STEPS, price=None)
    async with open_stage("say: x", Tool("look", "read"), defaults=defaults, providers=[model]) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        titles = [one.title for one in stage.host.told if isinstance(one, events.Noticed)]
        assert titles == ["The limit on costs does not hold"]


async def test_a_guard_is_asked_before_requests_and_calls_and_told_what_was_used() -> None:
    guard = Guard()
    async with open_stage(TWO_STEPS, Tool("look", "read"), defaults=limited(None, guard)) as stage:
        await stage.prompt("go")
    first, call, second = guard.asked
    assert call == "look"
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert 0 < first < second
    assert [spent.usage for spent in guard.spent] == [Usage(100, 20), Usage(150, 30)]


async def test_a_guard_that_denies_a_request_ends_the_turn_and_the_next_is_asked_about_anew() -> None:
    guard = Guard(Denied("usd_cost", "the daily cap is reached"))
    async with open_stage("say: hi", defaults=limited(None, guard)) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_turn_requests"
        assert not stage.provider.requests
        assert stage.host.of(LimitHit) == [LimitHit("usd_cost", "hard", "the daily cap is reached")]
        guard.llm = ALLOWED
        assert (await stage.prompt("go on")).stop_reason == "end_turn"


async def test_a_guard_that_denies_a_call_has_it_answered_and_the_turn_ended() -> None:
    guard, tool = Guard(tool=Denied("tool_calls", "bash is capped")), Tool("look", "execute")
    async with open_stage(TWO_STEPS, tool, defaults=limited(None, guard)) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_turn_requests"
        assert len(stage.provider.requests) == 1
        last = stage.session.transcript.messages()[-1]
        assert isinstance(last, FromTools)
        assert "bash is capped" in str(last.results[0].content)
    assert tool.runs == []


async def test_a_guard_that_denies_is_asked_only_about_what_was_permitted() -> None:
    guard = Guard()
    async with open_stage(TWO_STEPS, Tool("look", "execute"), defaults=limited(None, guard)) as stage:
        stage.host.decision = "reject_once"
        await stage.prompt("go")
    assert "look" not in guard.asked


async def test_what_a_guard_warns_of_is_told_and_done() -> None:
    guard = Guard(SoftLimit("usd_cost", 9.5, 10, "nearly there"))
    async with open_stage("say: hi", defaults=limited(None, guard)) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert stage.host.of(LimitHit) == [LimitHit("usd_cost", "soft", "nearly there", 9.5, 10)]


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
@pytest.mark.parametrize("where", ["llm", "tool"])
async def test_a_guard_that_fails_has_denied(where: str, error: type[BaseException]) -> None:
    guard, tool = Guard(), Tool("look", "read")
    setattr(guard, where, error("secret"))
    async with open_stage(TWO_STEPS, tool, defaults=limited(None, guard)) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_turn_requests"
        (hit,) = stage.host.of(LimitHit)
        assert isinstance(hit, LimitHit)
        assert hit.resource == "budget_guard"
        assert error.__name__ in hit.message
        assert "secret" not in hit.message
    assert tool.runs == []


async def test_subagents_are_within_the_budget_of_their_session() -> None:
    class CountingGuard(Guard):
        async def check_before_llm(self, session_id: SessionId, estimated_tokens: int) -> BudgetDecision:
            await super().check_before_llm(session_id, estimated_tokens)
            n_requests = sum(isinstance(one, int) for one in self.asked)
            return ALLOWED if n_requests < 3 else Denied("llm_tokens", "used up")

    script = (
        'when: go\ncall: task {"agent": "general", "description": "t", "prompt": "dig"}\n'
        "---\nsay: unreachable\n"
        'when: dig\ncall: look {"path": "a"}\n---\nsay: dug'
    )
    guard = CountingGuard()
    async with open_stage(
        script, Tool("look", "read"), defaults=limited(None, guard), task_tools=task_tools
    ) as stage:
        assert (await stage.prompt("go")).stop_reason == "max_tokens"
        assert len(stage.host.of(LimitHit)) == 1


@pytest.mark.parametrize(
    ("limits", "used", "expected"),
    [
        (Limits(), 10**9, type(ALLOWED)),
        (Limits(max_tokens_per_prompt=100), 79, type(ALLOWED)),
        (Limits(max_tokens_per_prompt=100), 80, SoftLimit),
        (Limits(max_tokens_per_prompt=100), 100, Denied),
    ],
)
async def test_four_fifths_of_a_limit_are_near_to_it(
    limits: Limits, used: int, expected: type[object]
) -> None:
    guard = SpendingGuard(limits, lambda: None)
    await guard.record_after_llm(SESSION, Spent("m", Usage(used, 0), None))
    assert isinstance(await guard.check_before_llm(SESSION, 1), expected)


async def test_of_two_limits_that_are_near_the_user_is_told_of_one_after_the_other() -> None:
    guard = SpendingGuard(Limits(max_tokens_per_prompt=100, max_cost=1.0), lambda: None)
    await guard.record_after_llm(SESSION, Spent("m", Usage(90, 0), 0.9))
    told = [await guard.check_before_llm(SESSION, 1) for _ in range(3)]
    assert [one.resource if isinstance(one, SoftLimit) else one for one in told] == [
        "tokens",
        "cost",
        ALLOWED,
    ]
    await guard.record_after_llm(SESSION, Spent("m", Usage(0, 0), 0.2))
    guard.begin_prompt()
    await guard.record_after_llm(SESSION, Spent("m", Usage(90, 0), 0.0))
    denied = await guard.check_before_llm(SESSION, 1)
    assert isinstance(denied, Denied)
    assert denied.resource == "cost"
