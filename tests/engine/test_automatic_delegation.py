"""Delegation that nobody asked for, and what the model is told of work in the background that ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.permission.rules import Rules, parse_rule
from acp_agent.engine.subagents.automatic import candidates
from acp_agent.engine.subagents.kinds import BUILTIN_KINDS
from acp_agent.model import events
from acp_agent.model.chat import FromUser, Text
from acp_agent.model.subagent import AgentKind, DelegationLimits, FoundAgents
from acp_agent.model.surroundings import Surroundings
from acp_agent.model.toolcall import ToolOutcome, succeeded
from acp_agent.tools.task import task_tools
from tests.engine.conftest import Stage, Tool, broken_rules, history, open_stage
from tests.engine.test_cancelling import check_journal
from tests.engine.test_subagents import BACKGROUND, CHILD, of, states
from tests.patience import PATIENCE

ON = DelegationLimits(automatic=True)
OWN = (
    AgentKind("db", "Knows migrations of database schemas.", "Be."),
    AgentKind("docs", "Use proactively for documentation of public names.", "Be."),
)


def chosen(prompt: str, limits: DelegationLimits = ON, *kinds: AgentKind) -> list[tuple[str, float]]:
    return [(one.agent, one.confidence) for one in candidates(prompt, (*BUILTIN_KINDS, *kinds), limits)]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Hello there", []),
        ("@explore the parser", [("explore", 0.96)]),
        ("let @agent-general do it", [("general", 0.96)]),
        ("Use the code-review subagent on this", [("review", 0.96)]),
        ("please delegate this to general-purpose", [("general", 0.96)]),
        ("ask the verifier", [("verification", 0.96)]),
        ("mail me@general.org", []),
        ("Where is the parser?", [("explore", 0.84)]),
        ("Plan the change", [("plan", 0.82)]),
        ("Verify that it works", [("verification", 0.88)]),
        ("Review this and verify it, then plan", [("verification", 0.88), ("review", 0.86), ("plan", 0.82)]),
        ("the migrations of it", []),
        ("the database migrations of it", [("db", 0.74)]),
        ("the database migrations and schemas of it", [("db", 0.80)]),
        ("documentation of public names", [("docs", 0.88)]),
    ],
)
def test_090_a_prompt_calls_for_subagents(prompt: str, found: list[tuple[str, float]]) -> None:
    assert [(name, pytest.approx(score)) for name, score in chosen(prompt, ON, *OWN)] == found


ALL = "review, verify, plan: where is it?"


@pytest.mark.parametrize(
    ("limits", "n"),
    [
        (ON, 4),
        (DelegationLimits(automatic=True, max_tasks=2), 2),
        (DelegationLimits(automatic=True, max_at_work=3), 3),
        (DelegationLimits(automatic=True, side_by_side=False), 1),
        (DelegationLimits(automatic=True, min_confidence=0.85), 2),
        (DelegationLimits(automatic=True, min_confidence=0.0), 4),
    ],
)
def test_090_091_no_more_than_there_may_be_and_the_surest_first(limits: DelegationLimits, n: int) -> None:
    assert [name for name, _ in chosen(ALL, limits)] == ["verification", "review", "explore", "plan"][:n]


def test_a_hidden_kind_is_used_when_it_is_named_only() -> None:
    hidden = AgentKind("secret", "Knows database migrations and schemas.", "Be.", hidden=True)
    assert chosen("the database migrations and schemas", ON, hidden) == []
    assert chosen("ask secret", ON, hidden) == [("secret", 0.96)]


def stage(script: str, *tools: ports.Tool, limits: DelegationLimits = ON, **more: Any) -> Any:
    return open_stage(script, *tools, task_tools=task_tools, delegation=limits, **more)


def said_last(stage: Stage) -> str:
    said = next(one for one in reversed(stage.provider.requests[-1].messages) if isinstance(one, FromUser))
    return "\n".join(part.text for part in said.content if isinstance(part, Text))


ASKED = "Where is the parser? Review it."
WORKING = "when: Subagents have worked\nsay: built on it\nwhen: Where is\ncall: read {}\n---\nsay: in p.py"


async def test_the_model_reads_what_subagents_found_before_it_answers() -> None:
    async with stage(WORKING, Tool("read", "read")) as on:
        assert (await on.prompt(ASKED)).stop_reason == "end_turn"
        told = said_last(on)
        assert told.startswith(f"{ASKED}\n[Subagents have worked on this before you.")
        assert '{"agent":"review","confidence":0.86,"reason":"keyword","state":"completed","answer":' in told
        assert told.count('"answer":"in p.py"') == 2
        assert on.host.text == "built on it"
        assert {event.agent for event in of(on, events.SubagentStarted)} == {"explore", "review"}
        calls = {event.call_id for event in of(on, events.SubagentStarted)}
        shown = [event for event in of(on, events.CallShown) if event.call_id in calls]
        assert sorted(str(one.patch.status) for one in shown) == ["completed"] * 2 + ["in_progress"] * 2
        stored = await on.stored()
        check_journal(stored)
        assert history(stored) == history(on.host.told)
        assert all(broken_rules(request.messages) == [] for request in on.provider.requests)


@pytest.mark.parametrize("prompt", ["Hello", "Where is it?"])
async def test_nothing_is_delegated_unasked_unless_it_is_wanted(prompt: str) -> None:
    limits = ON if prompt == "Hello" else DelegationLimits()
    async with stage("say: hi", limits=limits) as on:
        await on.prompt(prompt)
        assert len(on.provider.requests) == 1
        assert of(on, events.SubagentStarted) == []


async def test_a_rule_that_forbids_the_task_forbids_it_unasked_too() -> None:
    denied = Defaults("scripted/script", rules=Rules(deny=(parse_rule("task"),)))
    async with stage(WORKING, Tool("look"), defaults=denied) as on:
        await on.prompt("Where is it?")
        assert of(on, events.SubagentStarted) == []


async def test_subagents_delegate_nothing_unasked() -> None:
    async with stage(WORKING, Tool("read", "read")) as on:
        await on.prompt("ask explore: Where is it?")
        assert len(of(on, events.SubagentStarted)) == 1


async def test_a_prompt_that_begins_with_a_command_is_not_delegated_unasked() -> None:
    async with stage(WORKING, Tool("read", "read")) as on:
        await on.prompt("/review Where is it?")
        assert of(on, events.SubagentStarted) == []


async def test_a_model_that_may_not_delegate_is_not_told_of_it() -> None:
    async with stage("say: hi", limits=DelegationLimits(by_model=False)) as on:
        await on.prompt("hi")
        assert on.provider.requests[0].tools == ()


async def test_a_cancel_ends_what_was_begun_unasked() -> None:
    async def forever(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        await anyio.sleep_forever()
        raise AssertionError

    look = Tool("read", "read", work=forever)
    async with stage(WORKING, look) as on:
        on.say("Where is it?")
        with anyio.fail_after(PATIENCE):
            await look.started.wait()
        on.session.cancel()
        await on.host.wait_ends(1)
        assert states(on) == ["cancelled"]
        check_journal(await on.stored())


async def test_what_a_file_defines_is_chosen_by_its_description() -> None:
    async def look_around(_roots: tuple[Path, ...]) -> Surroundings:
        return Surroundings(agents=FoundAgents(OWN))

    script = "when: Subagents have worked\nsay: ok\nwhen: schemas\nsay: they are in db/"
    async with stage(script, look_around=look_around) as on:
        await on.prompt("What about the schemas and migrations of our database?")
        assert [event.agent for event in of(on, events.SubagentStarted)] == ["db"]
        assert "description: database, migrations, schemas" in said_last(on)


async def test_the_next_request_tells_of_a_task_that_ended_in_the_background() -> None:
    ended = anyio.Event()

    async def wait(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        with anyio.fail_after(PATIENCE):
            await ended.wait()
        return succeeded("waited")

    script = (
        BACKGROUND.replace(
            "say: started", "call: wait {}\nwhen: in the background\nsay: seen\nwhen: later\nsay: ok"
        )
        + f"\n{CHILD}"
    )
    async with stage(script, Tool("look"), Tool("wait", work=wait), limits=DelegationLimits()) as on:

        def go_on(_: events.Event) -> None:
            ended.set()

        def tell(event: events.Event) -> None:
            if isinstance(event, events.SubagentChanged):
                on.host.on_event = go_on

        on.host.on_event = tell
        await on.prompt("go")
        (started,) = of(on, events.SubagentStarted)
        note = f"[The task {started.agent_id} in the background, general: look, is completed."
        assert said_last(on).startswith(note)
        assert said_last(on).endswith("found it")
        before = on.provider.requests[-1].messages
        await on.prompt("later")
        assert on.provider.requests[-1].messages[: len(before)] == before
        assert said_last(on) == "later"
        patch = next(
            event.patch
            for event in of(on, events.CallShown)
            if event.patch.raw_output and event.patch.raw_output["state"] == "completed"
        )
        assert "found it" in str(patch.content)
        stored = await on.stored()
        check_journal(stored)
        assert history(stored) == history(on.host.told)
        assert broken_rules(on.provider.requests[-1].messages) == []


async def test_a_task_that_ended_between_turns_is_told_with_the_next_prompt() -> None:
    async with stage(
        f"{BACKGROUND}\nwhen: later\nsay: ok\n{CHILD}", Tool("look"), limits=DelegationLimits()
    ) as on:
        await on.prompt("go")
        await on.host.wait_for(lambda: states(on) == ["completed"])
        await on.prompt("later")
        assert said_last(on).startswith("later\n[The task sub")
        await on.prompt("later")
        assert said_last(on) == "later"
