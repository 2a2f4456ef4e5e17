"""Work for subagents: on their own, within what their session may do, seen by the user, ended with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject, dump_text
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.permission.rules import Rules, parse_rule
from acp_agent.model import events
from acp_agent.model.chat import FromTools, Text
from acp_agent.model.session import ModelInfo
from acp_agent.model.subagent import AgentKind, DelegationLimits, FoundAgents
from acp_agent.model.surroundings import Surroundings
from acp_agent.model.toolcall import ToolOutcome, succeeded
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.tools.task import task_tools
from tests.engine.conftest import Stage, Tool, broken_rules, history, open_stage
from tests.engine.test_cancelling import check_journal
from tests.engine.test_commands import ask
from tests.patience import PATIENCE


def task(agent: str = "general", prompt: str = "child", **more: Any) -> str:
    return f"call: task {dump_text({'agent': agent, 'description': 'look', 'prompt': prompt, **more})}"


WAITED = f"{task()}\n---\nsay: The answer was {{result}}"
CHILD = "when: child\ncall: look {}\n---\nsay: found it"


def stage(script: str, *tools: ports.Tool, **options: Any) -> Any:
    return open_stage(script, *tools, task_tools=task_tools, **options)


def of(stage: Stage, kind: type[events.Event]) -> list[Any]:
    return [event for event in stage.host.told if isinstance(event, kind)]


def states(stage: Stage) -> list[str]:
    return [event.state for event in of(stage, events.SubagentChanged)]


def answers(stage: Stage) -> list[str]:
    return [
        "".join(part.text for part in event.content if isinstance(part, Text))
        for event in of(stage, events.CallAnswered)
    ]


def said(stage: Stage, kind: type[events.Event]) -> list[Any]:
    return [event.event for event in of(stage, events.SubagentSaid) if isinstance(event.event, kind)]


async def test_a_subagent_works_with_tools_and_its_answer_is_the_calls() -> None:
    look = Tool("look")
    async with stage(f"{WAITED}\n{CHILD}", look) as on:
        assert (await on.prompt("go")).stop_reason == "end_turn"
        assert on.host.text == "The answer was found it"
        assert len(look.runs) == 1
        (started,) = of(on, events.SubagentStarted)
        assert (started.agent, started.title, started.prompt) == ("general", "look", "child")
        assert states(on) == ["completed"]
        (call,) = {event.call_id for event in said(on, events.CallShown)}
        assert call not in {event.call_id for event in of(on, events.CallShown)}


async def test_the_sessions_history_has_only_the_call_and_its_answer() -> None:
    async with stage(f"{WAITED}\n{CHILD}", Tool("look")) as on:
        await on.prompt("go")
        last = on.provider.requests[-1]
        assert [len(message.results) for message in last.messages if isinstance(message, FromTools)] == [1]
        assert "child" not in str(last.messages[0])
        child = on.provider.requests[1]
        assert [str(part) for part in child.messages[0].content] == ["Text(text='child')"]
        assert "You carry out one task" in child.system
        for request in on.provider.requests:
            assert broken_rules(request.messages) == []


async def test_what_is_stored_is_what_was_told() -> None:
    async with stage(f"{WAITED}\n{CHILD}", Tool("look")) as on:
        await on.prompt("go")
        stored = await on.stored()
        kinds = (events.SubagentStarted, events.SubagentSaid, events.SubagentChanged)
        assert [event for event in stored if isinstance(event, kinds)] == [
            event for event in on.host.told if isinstance(event, kinds)
        ]
        assert history(stored) == history(on.host.told)
        check_journal(stored)


async def test_subagents_neither_delegate_nor_talk_to_the_user() -> None:
    async with stage(f"{WAITED}\nwhen: child\n{task()}\n---\nsay: {{result}}", Tool("ask_user")) as on:
        await on.prompt("go")
        assert "There is no tool `task`" in answers(on)[0]
        assert [tool.name for tool in on.provider.requests[1].tools] == []


@pytest.mark.parametrize(("kind", "allowed"), [("explore", False), ("general", True)])
async def test_a_reading_subagent_changes_nothing_whatever_the_mode(kind: str, *, allowed: bool) -> None:
    change = Tool("bash", "execute")
    script = f"{task(kind)}\n---\nsay: done\nwhen: child\ncall: bash {{}}\n---\nsay: {{result}}"
    async with stage(script, change, defaults=Defaults("scripted/script", "auto")) as on:
        await on.prompt("go")
        assert bool(change.runs) is allowed


@pytest.mark.parametrize(
    "defaults",
    [
        Defaults("scripted/script", "plan"),
        Defaults("scripted/script", "auto", rules=Rules(deny=(parse_rule("change"),))),
    ],
)
async def test_a_subagent_may_never_do_what_its_session_may_not(defaults: Defaults) -> None:
    change = Tool("change", "write")
    script = f"{task()}\n---\nsay: done\nwhen: child\ncall: change {{}}\n---\nsay: {{result}}"
    async with stage(script, change, defaults=defaults) as on:
        await on.prompt("go")
        assert change.runs == []


async def test_the_users_questions_name_the_subagent_and_always_covers_the_session() -> None:
    change = Tool("change", "write")
    step = "call: change {}\n---\nsay: ok"
    async with stage(f"{task()}\n---\n{step}\nwhen: child\n{step}", change) as on:
        on.host.decision = "allow_always"
        await on.prompt("go")
        (asked,) = on.host.asked
        assert asked.call.title == "general: Use change"
        assert asked.session_id == on.session.id
        assert asked.subagent == of(on, events.SubagentStarted)[0].agent_id
        assert states(on) == ["waiting", "running", "completed"]
        assert len(change.runs) == 2
        await (await on.reopen()).prompt("go")
        assert len(on.host.asked) == 1


async def test_only_tools_of_the_kind_are_offered() -> None:
    kind = AgentKind("tiny", "Small.", "Be small.", tools=("Look",), model="scripted/script", max_steps=1)

    async def look_around(_roots: tuple[Path, ...]) -> Surroundings:
        return Surroundings(agents=FoundAgents((kind,), ("`bad.md`: is bad",)))

    script = f"{task('tiny')}\n---\nsay: done\nwhen: child\nsay: looking\ncall: look {{}}"
    async with stage(
        script, Tool("look"), Tool("change"), defaults=Defaults("scripted/script", look_around=look_around)
    ) as on:
        await on.prompt("go")
        (tool,) = on.provider.requests[1].tools
        assert tool.name == "look"
        assert on.provider.requests[1].system.startswith("Be small.")
        assert (
            "tiny: Small." in next(t for t in on.provider.requests[0].tools if t.name == "task").description
        )
        assert [event.detail for event in of(on, events.Noticed)] == ["`bad.md`: is bad"]
        assert answers(on) == ["The subagent used up its 1 steps. The last it said: looking"]
        assert [event.stop_reason for event in of(on, events.SubagentChanged)] == ["max_turn_requests"]


@pytest.mark.parametrize(
    ("child", "answer"),
    [
        ("error: 500 no power", "model failed"),
        ("say: half\nstop: max_tokens", "model stopped: max_tokens. The last it said: half"),
        ("think: hm", "without a word"),
    ],
)
async def test_a_subagent_that_fails_says_why_and_the_turn_goes_on(child: str, answer: str) -> None:
    async with stage(f"{WAITED}\nwhen: child\n{child}") as on:
        assert (await on.prompt("go")).stop_reason == "end_turn"
        assert answer in answers(on)[0]


async def test_an_unknown_subagent_is_answered_with_those_there_are() -> None:
    async with stage(f"{task('nobody')}\n---\nsay: ok") as on:
        await on.prompt("go")
        assert answers(on) == [
            "there is no agent `nobody`; use one of: explore, plan, general, review, verification"
        ]


AT_WORK = DelegationLimits().max_at_work


class Meeting:
    """Work that ends when `n` of it have come together."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.most = 0
        self.now = 0
        self.all_here = anyio.Event()

    async def work(self, args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == self.n:
            self.all_here.set()
        with anyio.fail_after(PATIENCE):
            await self.all_here.wait()
        self.now -= 1
        return succeeded("met")


async def test_tasks_of_one_step_run_side_by_side_up_to_a_limit() -> None:
    meeting = Meeting(AT_WORK)
    calls = "\n".join([task()] * (2 * AT_WORK))
    async with stage(f"{calls}\n---\nsay: done\n{CHILD}", Tool("look", work=meeting.work)) as on:
        assert (await on.prompt("go")).stop_reason == "end_turn"
        assert answers(on) == ["found it"] * 2 * AT_WORK
        assert meeting.most == AT_WORK
        calls_of_children = {event.call_id for event in said(on, events.CallShown)}
        assert len(calls_of_children) == 2 * AT_WORK
        check_journal(await on.stored())


async def _forever(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_cancelled_turn_ends_its_subagents_first() -> None:
    look = Tool("look", work=_forever)
    async with stage(f"{WAITED}\n{CHILD}", look) as on:
        on.say("go")
        with anyio.fail_after(PATIENCE):
            await look.started.wait()
        on.session.cancel()
        await on.host.wait_ends(1)
        assert states(on) == ["cancelled"]
        assert said(on, events.CallShown)[-1].patch.status == "cancelled"
        ended = on.host.told.index(of(on, events.SubagentChanged)[0])
        assert ended < on.host.told.index(on.host.ends[0])
        check_journal(await on.stored())


async def test_a_cancel_after_any_event_leaves_nothing_at_work() -> None:
    n_events, too_late = 0, False
    while not too_late:
        async with stage(f"{task()}\n{task()}\n---\nsay: done\n{CHILD}", Tool("look", "read")) as on:

            def cancel(_: events.Event, on: Stage = on, at: int = n_events) -> None:
                if len(on.host.told) == at + 1:
                    on.session.cancel()

            on.host.on_event = cancel
            on.say("go")
            await on.host.wait_ends(1)
            too_late = on.host.ends[0].stop_reason == "end_turn"
            started = {event.agent_id for event in of(on, events.SubagentStarted)}
            assert {event.agent_id for event in of(on, events.SubagentChanged)} == started
            assert not {"running", "waiting"} & set(states(on))
            check_journal(await on.stored())
        n_events += 1
    assert n_events > 10


BACKGROUND = f"{task(background=True)}\n---\nsay: started"
LATER = "when: later\ncall: task_status {}\n---\nsay: {result}"


async def test_a_task_in_the_background_outlives_its_turn_and_is_asked_for_later() -> None:
    going = anyio.Event()

    async def wait(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        await going.wait()
        return succeeded("went")

    script = f"{BACKGROUND}\n{LATER}\n{CHILD}"
    async with stage(script, Tool("look", work=wait)) as on:
        assert (await on.prompt("go")).stop_reason == "end_turn"
        await on.prompt("later")
        assert ": running, general: look" in answers(on)[-1]
        going.set()
        await on.host.wait_for(lambda: states(on) == ["completed"])
        task_id = of(on, events.SubagentStarted)[0].agent_id
        (report,) = on.session.subagents.reports()
        assert (report.id, report.state, report.answer) == (task_id, "completed", "found it")


async def test_a_task_in_the_background_can_be_stopped() -> None:
    look = Tool("look", work=_forever)
    async with stage(f"{BACKGROUND}\n{CHILD}", look) as on:
        await on.prompt("go")
        with anyio.fail_after(PATIENCE):
            await look.started.wait()
        task_id = of(on, events.SubagentStarted)[0].agent_id
        assert on.session.subagents.cancel(task_id)
        await on.host.wait_for(lambda: states(on) == ["cancelled"])
        assert not on.session.subagents.cancel(task_id)
        assert not on.session.subagents.cancel("nobody")


@pytest.mark.parametrize("closing", [True, False])
async def test_tasks_in_the_background_end_with_a_cancel_or_the_session(*, closing: bool) -> None:
    look = Tool("look", work=_forever)
    async with stage(f"{BACKGROUND}\n{CHILD}", look) as on:
        await on.prompt("go")
        with anyio.fail_after(PATIENCE):
            await look.started.wait()
            if closing:
                await on.session.close()
            else:
                on.session.cancel()
        await on.host.wait_for(lambda: states(on) == ["cancelled"])
        stored = await on.stored()
        assert [e.state for e in stored if isinstance(e, events.SubagentChanged)] == ["cancelled"]


async def test_what_a_subagent_costs_is_the_sessions_cost() -> None:
    model = ModelInfo("priced/m", "Priced", input_price=1_000_000.0, output_price=0.0)
    script = f"usage: 1 0\n{task()}\n---\nusage: 1 0\nsay: done\nwhen: child\nusage: 2 0\nsay: x"
    priced = ScriptedProvider(script, "priced", (model,))
    async with stage("say: x", providers=[priced], defaults=Defaults("priced/m")) as on:
        await on.prompt("go")
        (ended,) = of(on, events.SubagentChanged)
        assert ended.cost == 2.0
        usages = of(on, events.UsageChanged)
        assert [usage.cost for usage in usages] == [1.0, 4.0]
        assert [usage.used for usage in usages] == [1, 1]
        told = (await ask(on, "/cost")).splitlines()
        assert "- Session: 4 tokens in, 0 out, $4.0000" in told


async def crash(on: Stage) -> list[events.Event]:
    """Open what the store has by now, as another process would after this one was killed; what that was."""
    journal = await on.stored()
    await on.core.delete(on.session.id)
    await on.store.create(on.session.record)
    await on.store.append(on.session.id, journal)
    on.session = await on.core.open(on.session.id, on.opening)
    return journal


async def test_a_crash_leaves_a_failed_call_and_no_open_subagent() -> None:
    look = Tool("look", work=_forever)
    async with stage(f"{WAITED}\n{CHILD}", look) as on:
        on.say("go")
        with anyio.fail_after(PATIENCE):
            await look.started.wait()
        journal = await crash(on)
        stored = await on.stored()
        added = stored[len(journal) :]
        assert [e.state for e in added if isinstance(e, events.SubagentChanged)] == ["interrupted"]
        call_id = next(e.call_id for e in journal if isinstance(e, events.CallRequested))
        assert [e.patch.status for e in added if isinstance(e, events.CallShown)] == ["failed"]
        assert [e.call_id for e in added if isinstance(e, events.CallAnswered)] == [call_id]
        await on.reopen()
        assert await on.stored() == stored
