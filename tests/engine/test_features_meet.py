"""Where features meet: what the model is told with all on; plans, subagents, limits and memory at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import anyio
import msgspec
import pytest

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.aids.aids import Aids
from acp_agent.engine.memory.tiers import Memory
from acp_agent.engine.session_parts import Habits
from acp_agent.engine.watch import Watch
from acp_agent.model import events
from acp_agent.model.chat import ModelRequest
from acp_agent.model.command import FoundCommands
from acp_agent.model.context import AidNews, ContextItem
from acp_agent.model.hook import CONTINUE, HookAnswer
from acp_agent.model.instructions import InstructionFile
from acp_agent.model.limits import Denied, Limits
from acp_agent.model.planning import Planning, StepBegun
from acp_agent.model.skill import Skill
from acp_agent.model.subagent import DelegationLimits
from acp_agent.model.surroundings import Surroundings
from acp_agent.model.toolcall import ToolOutcome, succeeded
from acp_agent.ports.hooks import Hook, Occasion
from acp_agent.stores.memories import InMemoryStore
from acp_agent.tools.skill import skill_tools
from acp_agent.tools.task import task_tools
from tests.engine.conftest import VIRTUAL_CLOCK, Stage, Tool, broken_rules, open_stage, ticking_clock
from tests.engine.test_aids import Provider
from tests.engine.test_cancelling import check_journal
from tests.engine.test_limits import Guard
from tests.engine.test_planning import ENABLED, TASKS, TWO, plans, script
from tests.engine.test_subagents import of, states

SKILL = Skill("notes", "Writes release notes.", "Write notes.")
FILE = InstructionFile("/project/AGENTS.md", "Use tabs.")


async def _go_on(_: Occasion) -> HookAnswer:
    return CONTINUE


def everything(store: InMemoryStore) -> Defaults:
    """Instructions, a skill, hooks, limits, memory and a provider of context."""

    async def look_around(_roots: tuple[Path, ...]) -> Surroundings:
        return Surroundings((FILE,), "branch main", commands=FoundCommands((), (), (SKILL,)))

    def equip(tell: Callable[[AidNews], None]) -> Aids:
        memory = Memory(store, clock=ticking_clock(), tell=tell)
        return Aids(memory, (Provider("files", ContextItem(title="x.py", text="def x(): ...")),))

    hooks = tuple(Hook(id=one, event=one, handler=_go_on) for one in ("generate_start", "pre_tool_use"))
    watch = Watch(hooks=hooks, limits=Limits(max_tokens_per_prompt=1_000_000, max_seconds_per_prompt=60))
    return Defaults("scripted/script", "auto", look_around=look_around, watch=watch, equip=equip)


def steps(stage: Stage) -> list[ModelRequest]:
    """The requests of the conversation itself."""
    return [
        one for one in stage.provider.requests if one.system.startswith(stage.provider.requests[0].system)
    ]


async def test_the_beginning_of_requests_is_the_same_to_the_byte_with_everything_on() -> None:
    answers = script(
        TWO,
        *("when: Summarize", "say: a summary, short"),
        *("when: Step 1 of 2", "say: I looked."),
        *("when: read notes", 'call: skill {"skill_name": "notes"}\n---\nsay: read'),
    )
    store = InMemoryStore(clock=ticking_clock())
    on = open_stage(
        answers,
        Tool("look"),
        defaults=everything(store),
        skill_tools=skill_tools,
        task_tools=task_tools,
        planning=Planning("auto"),
    )
    async with on as stage:
        for words in ("hello parser", "read notes of the parser", TASKS, "the parser again"):
            assert (await stage.prompt(words)).stop_reason == "end_turn"
        n_before = len(steps(stage))
        await stage.prompt("/compact")
        await stage.prompt("the parser after it")
        await stage.reopen()
        await stage.prompt("the parser once more")
        told = steps(stage)
        assert len({(one.system, str(one.tools)) for one in told}) == 1
        assert "notes: Writes release notes." in told[0].system
        assert "Use tabs." in told[0].system
        for part in (told[:n_before], told[n_before:]):
            for earlier, later in pairwise(part):
                assert later.messages[: len(earlier.messages)] == earlier.messages
        assert len(told) >= 8
        assert any("Remembered from earlier work" in str(one) for one in told[-1].messages)
        assert all(broken_rules(one.messages) == [] for one in told)
        (compacted,) = of(stage, events.CompactionEnded)
        assert compacted.status == "completed"


async def test_a_planned_prompt_is_delegated_unasked_too() -> None:
    answers = script(TWO, "when: where is the parser\nsay: in p.py", default="say: Done.")
    limits = DelegationLimits(automatic=True)
    async with open_stage(answers, planning=ENABLED, task_tools=task_tools, delegation=limits) as stage:
        await stage.prompt("ask explore: where is the parser?")
        assert [event.agent for event in of(stage, events.SubagentStarted)] == ["explore"]
        (begun, *_) = [one for one in stage.provider.requests if "Step 1 of 2" in str(one.messages[-1])]
        assert "Subagents have worked on this before you" in str(begun.messages)
        assert broken_rules(begun.messages) == []


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_when_the_time_is_over_subagents_of_a_step_end_and_no_step_is_in_progress() -> None:
    async def forever(_args: JsonObject, _context: ports.ToolContext) -> ToolOutcome:
        await anyio.sleep_forever()
        return succeeded("never")

    task = json.dumps({"agent": "general", "description": "look", "prompt": "child"})
    answers = script(TWO, f"when: Step 1 of 2\ncall: task {task}", "when: child\ncall: look {}")
    defaults = Defaults("scripted/script", watch=Watch(limits=Limits(max_seconds_per_prompt=3)))
    on = open_stage(
        answers, Tool("look", work=forever), planning=ENABLED, task_tools=task_tools, defaults=defaults
    )
    async with on as stage:
        assert (await stage.prompt("mend it")).stop_reason == "max_turn_requests"
        assert states(stage) == ["cancelled"]
        assert "in_progress" not in plans(stage.host.told)[-1]
        stored = await stage.stored()
        check_journal(stored)
        assert (await stage.prompt("/cost")).stop_reason == "end_turn"


async def test_a_budget_that_is_used_up_in_a_step_fails_the_step_and_is_no_experience() -> None:
    store = InMemoryStore(clock=ticking_clock())
    guard = Guard()

    def equip(tell: Callable[[AidNews], None]) -> Aids:
        return Aids(Memory(store, tell=tell))

    async def spend(_args: JsonObject, _context: ports.ToolContext) -> ToolOutcome:
        guard.llm = Denied("cost", "all is spent")
        return succeeded("spent")

    defaults = Defaults("scripted/script", watch=Watch(guards=(guard,)), equip=equip)
    answers = script(TWO, "when: Step 1 of 2\ncall: look {}\n---\nsay: never")
    async with open_stage(answers, Tool("look", work=spend), planning=ENABLED, defaults=defaults) as stage:
        assert (await stage.prompt("mend it")).stop_reason == "max_turn_requests"
        assert plans(stage.host.told)[-1] == ["failed", "pending"]
        assert await store.count() == 0


async def test_sessions_work_as_the_settings_for_their_folder_say() -> None:
    habits = Habits(1, 0.5, Planning("enabled"), DelegationLimits(by_model=False), enforce_skill_tools=False)
    defaults = Defaults("scripted/script", habits=habits)
    answers = script(TWO, "when: Step 1 of 2\nsay: I looked.")
    async with open_stage(answers, defaults=defaults, task_tools=task_tools) as stage:
        assert (await stage.prompt("mend it")).stop_reason == "max_turn_requests"
        begun = [one.event for one in of(stage, events.PlanningTold) if isinstance(one.event, StepBegun)]
        assert len(begun) == 1
        assert stage.provider.requests[-1].tools == ()
        stage.opening = msgspec.structs.replace(stage.opening, defaults=Defaults("scripted/script"))
        await stage.reopen()
        assert (await stage.prompt("mend it")).stop_reason == "end_turn"
        assert stage.provider.requests[-1].tools != ()


async def test_of_subagents_side_by_side_one_asks_at_a_time_and_an_always_is_about_all() -> None:
    child = json.dumps({"agent": "general", "description": "change", "prompt": "child"})
    both = f"call: task {child}\ncall: task {child}"
    answers = f"{both}\n---\nsay: done\nwhen: child\ncall: change {{}}\n---\nsay: ok"
    async with open_stage(answers, Tool("change", "write"), task_tools=task_tools) as stage:
        stage.host.decision = "allow_always"
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert states(stage).count("completed") == 2
        assert len(stage.host.asked) == 1
